"""Who may do what on this site: one row for each URL name, asked before any view runs. A URL without a row is closed.

Where a row says more than yes, no or log in, the view looks: whether the account is a worker's, holds this assignment,
has the qualifications.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin


class Role(StrEnum):
    ANONYMOUS = "anonymous"
    ACCOUNT = "signed in"
    WORKER = "worker"
    OTHER_WORKER = "other worker"
    HOST = "host"


class May(StrEnum):
    YES = "yes"
    NO = "no"
    LOG_IN = "log in"  # is asked to
    QUALIFIED = "qualified"  # with the qualifications that the requester asks for
    SIGNED = "signed"  # with an address, or a request, that is signed
    HELD = "held"  # with the id of an assignment, which only the worker who holds it has seen
    TESTING = "testing"  # where MARKETPLACE_FAULTS is on
    PERMITTED = "permitted"  # as far as the permissions of the account go


Row = dict[Role, May]


def _row(cells: str) -> Row:
    return dict(zip(Role, (May(cell.strip()) for cell in cells.split("|")), strict=True))


#                 anonymous | signed in | worker    | other worker | host
PUBLIC = _row("   yes       | yes       | yes       | yes          | yes")
ACCOUNT = _row("  log in    | yes       | yes       | yes          | yes")
WORKER = _row("   log in    | no        | yes       | yes          | no")
QUALIFIED = _row("log in    | no        | qualified | qualified    | no")
OWN = _row("      log in    | no        | yes       | no           | no")
SIGNED = _row("   signed    | signed    | signed    | signed       | signed")
HELD = _row("     held      | held      | held      | no           | held")
TESTING = _row("  testing   | testing   | testing   | testing      | testing")
HOST = _row("     log in    | no        | no        | no           | permitted")

# By URL name; a name that ends with a colon stands for a whole namespace.
TABLE: dict[str, Row] = {
    "health": PUBLIC,
    "signup": PUBLIC,
    "login": PUBLIC,
    "logout": PUBLIC,
    "change-password": ACCOUNT,
    "groups": WORKER,
    "group": QUALIFIED,
    "accept": QUALIFIED,
    "html-question": QUALIFIED,
    "assignment": OWN,
    "answer-form": OWN,
    "return": OWN,
    "my-work": WORKER,
    "inbox": WORKER,
    "qualifications": WORKER,
    "request-qualification": WORKER,
    "qualification-test": WORKER,
    "external-submit": HELD,
    "uploaded-file": SIGNED,
    "api": SIGNED,
    "faults": TESTING,
    "payroll": HOST,
    "payout-csv": HOST,
    "admin:": HOST,
}


def find_row(view_name: str) -> Row | None:
    """The row of a URL name such as `groups` or `admin:index`, or None."""
    namespace, colon, _ = view_name.rpartition(":")
    return TABLE.get(view_name) or TABLE.get(namespace + colon)


class AccessMiddleware(MiddlewareMixin):
    """Asks the table before the view."""

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        row = find_row(request.resolver_match.view_name)  # type: ignore[union-attr]  # views run for matches only
        if row is None:
            raise Http404("this address has no row in the table of access")
        words = {row[role] for role in _roles(request)}
        if words - {May.NO, May.LOG_IN}:
            return None
        if May.LOG_IN in words:
            return redirect_to_login(request.get_full_path())
        raise PermissionDenied


def _roles(request: HttpRequest) -> Iterator[Role]:
    """What the person may turn out to be; whether the account is a worker's the views know."""
    if not request.user.is_authenticated:
        yield Role.ANONYMOUS
        return
    yield from (Role.ACCOUNT, Role.WORKER)
    if request.user.is_staff:
        yield Role.HOST
