"""From where somebody tries to log in, as wrong passwords are counted."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

from django.http import HttpRequest

_ONE_LINE = 64  # bits of an IPv6 address that a line has for its own: whoever has one has all addresses below


def client_network(request: HttpRequest) -> str | None:
    """The address, or of IPv6 the first one of its line: another one for each try would else never be locked."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a socket without addresses
        return None
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or IPv6Network((int(address), _ONE_LINE), strict=False).network_address)
    return str(address)
