"""For which address wrong passwords are counted."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address

from django.http import HttpRequest

ONE_LINE_BITS = 64  # whoever has so much of an IPv6 address has all addresses below it


def client_network(request: HttpRequest) -> str | None:
    """The client's IPv4 address, or the first of its IPv6 line: None over a socket without addresses."""
    try:
        client = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return None
    if client.version == 6 and client.ipv4_mapped is None:
        return str(IPv6Network((int(client), ONE_LINE_BITS), strict=False).network_address)
    return str(getattr(client, "ipv4_mapped", None) or client)
