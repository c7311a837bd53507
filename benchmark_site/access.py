"""Who may do what: one row for each URL name, asked before any view runs. A URL without a row is closed to everybody.

The rows are the whole answer where they say yes, no or log in. Where a thing behind the address decides, they name
what decides, and the view (for a release's state, this module) looks. docs/access.md shows the table to people.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers, patch_cache_control
from django.utils.deprecation import MiddlewareMixin

from annotation.roles import COLLECT, REVIEW
from benchmark_site.releases.models import Release


class Role(StrEnum):
    ANONYMOUS = "anonymous"
    ACCOUNT = "signed in"
    OWN_TEAM = "own team"
    OTHER_TEAM = "other team"
    REVIEWER = "reviewer"
    REQUESTER = "requester"
    STAFF = "staff"


class May(StrEnum):
    YES = "yes"
    NO = "no"
    LOG_IN = "log in"  # is asked to
    FROZEN = "frozen"  # if the release is
    SHOWN = "shown"  # if its team shows it on a board and it has a score
    SIGNED = "signed"  # with an address that the platform has signed
    TOKEN = "token"  # noqa: S105  with a team's API token; a session does not count
    PERMITTED = "permitted"  # as far as the permissions of the account go


Row = dict[Role, May]


def _row(cells: str) -> Row:
    return dict(zip(Role, (May(cell.strip()) for cell in cells.split("|")), strict=True))


#                 anonymous | signed in | own team | other team | reviewer | requester | staff
PUBLIC = _row("   yes       | yes       | yes      | yes        | yes      | yes       | yes")
ACCOUNT = _row("  log in    | yes       | yes      | yes        | yes      | yes       | yes")
OWN = _row("      log in    | no        | yes      | no         | no       | no        | no")
SUBMISSION = _row("shown    | shown     | yes      | shown      | shown    | shown     | yes")
API = _row("      token     | token     | token    | token      | token    | token     | token")
API_OWN = _row("  token     | token     | token    | no         | token    | token     | token")
API_ORDERS = _row("token    | token     | no       | no         | token    | token     | token")
FROZEN = _row("   frozen    | frozen    | frozen   | frozen     | frozen   | yes       | yes")
REVIEWED = _row(" log in    | no        | no       | no         | yes      | yes       | yes")
COLLECTED = _row("log in    | no        | no       | no         | no       | yes       | yes")
SIGNED = _row("   signed    | signed    | signed   | signed     | signed   | signed    | signed")
ADMIN = _row("    log in    | no        | no       | no         | no       | no        | permitted")
NOBODY = _row("   no        | no        | no       | no         | no       | no        | no")

# By URL name; a name that ends with a colon stands for a whole namespace.
TABLE: dict[str, Row] = {
    "home": PUBLIC,
    "health": PUBLIC,
    "login": PUBLIC,
    "logout": PUBLIC,
    "signup": PUBLIC,
    "provider": PUBLIC,
    "provider-back": PUBLIC,
    "address": ACCOUNT,
    "password_change": ACCOUNT,
    "password_change_done": ACCOUNT,
    "password_reset": PUBLIC,
    "password_reset_done": PUBLIC,
    "password_reset_confirm": SIGNED,
    "password_reset_complete": PUBLIC,
    "second-factor": ACCOUNT,
    "second-factor-code": ACCOUNT,
    "admin:": ADMIN,
    # what is collected
    "batches": REVIEWED,
    "batch-review": REVIEWED,
    "batch-undo": REVIEWED,
    "batch-clean": REVIEWED,
    "assignment-decide": REVIEWED,
    "assignment-bonus": COLLECTED,
    "batch-new": COLLECTED,
    "batch": COLLECTED,
    "batch-launch": COLLECTED,
    "batch-close": COLLECTED,
    "batch-edit": COLLECTED,
    "batch-delete": COLLECTED,
    "batch-again": COLLECTED,
    "batch-rest": COLLECTED,
    "entry-tests": COLLECTED,
    "batch-pause": COLLECTED,
    "batch-resume": COLLECTED,
    "batch-extend": COLLECTED,
    "money": COLLECTED,
    "money-csv": COLLECTED,
    "batch-figure": COLLECTED,
    "batch-export": COLLECTED,
    "workers": COLLECTED,
    "worker": COLLECTED,
    "worker-block": COLLECTED,
    "worker-bonus": COLLECTED,
    "worker-compensate": COLLECTED,
    "worker-message": COLLECTED,
    "clip": COLLECTED,
    "clips": COLLECTED,
    "segment-gold": COLLECTED,
    "videos": COLLECTED,
    "video-upload": COLLECTED,
    "upload-new": COLLECTED,
    "upload": COLLECTED,
    "video-cancel": COLLECTED,
    "video-retry": COLLECTED,
    "item": COLLECTED,
    "imports": COLLECTED,
    "import": COLLECTED,
    "import-problems": COLLECTED,
    "features": COLLECTED,
    "features-retry": COLLECTED,
    "task": SIGNED,
    "task-draft": SIGNED,
    "task-blind": SIGNED,
    "clip-file": SIGNED,
    "clip-still": SIGNED,
    "clip-waveform": SIGNED,
    # what is released
    "releases": PUBLIC,
    "release": FROZEN,
    "release-items": FROZEN,
    "release-item": FROZEN,
    "release-search": FROZEN,
    "release-download": FROZEN,
    "release-file": FROZEN,
    "release-new": COLLECTED,
    "release-retry": COLLECTED,
    "release-exclusions": COLLECTED,
    "release-suspects": COLLECTED,
    "release-waive": COLLECTED,
    # boards
    "boards": PUBLIC,
    "board": PUBLIC,
    "board-csv": PUBLIC,
    "board-json": PUBLIC,
    "board-tex": PUBLIC,
    "board-bib": PUBLIC,
    "board-sota": PUBLIC,
    "board-compare": PUBLIC,
    "track-settings": COLLECTED,
    "track-join": ACCOUNT,
    "track-rescore": COLLECTED,
    "track-overview": COLLECTED,
    "track-download": COLLECTED,
    "announcement-withdraw": COLLECTED,
    "participant-decide": COLLECTED,
    "submission": SUBMISSION,
    "submission-report": SUBMISSION,
    "submission-badge": SUBMISSION,
    "submit": ACCOUNT,
    "submissions": ACCOUNT,
    "submission-upload-new": ACCOUNT,
    "submission-upload": OWN,
    "submission-upload-end": OWN,
    "api-upload-new": API,
    "api-upload": API_OWN,
    "teams": ACCOUNT,
    "team-invite": OWN,
    "team-leave": OWN,
    "team-rename": OWN,
    "team-mail": OWN,
    "member-remove": OWN,
    "invitation": SIGNED,
    "invitation-withdraw": OWN,
    "submission-cancel": OWN,
    "submission-file-delete": OWN,
    "submission-public": OWN,
    "submission-final": OWN,
    "submission-card": OWN,
    "token-new": OWN,
    "token-revoke": OWN,
    "training-run": COLLECTED,
    # the API
    "api:openapi-json": PUBLIC,
    "api:api-root": NOBODY,
    "api:list_tracks": API,
    "api:post_submission": API,
    "api:list_submissions": API,
    "api:get_submission": API_OWN,
    "api:patch_submission": API_OWN,
    "api:cancel_submission": API_OWN,
    "api:delete_submission_file": API_OWN,
    **dict.fromkeys(
        (
            "api:list_batches",
            "api:create_batch",
            "api:get_batch",
            "api:get_cost",
            "api:get_progress",
            "api:get_results",
            "api:launch_batch",
            "api:extend_batch",
            "api:pay_bonus",
            "api:order_batch",
        ),
        API_ORDERS,
    ),
}


def may_enter(user: User | AnonymousUser, view_name: str) -> bool:
    """Whether this account may come to the address at all; which things behind it are its own, the view looks."""
    row = find_row(view_name)
    return row is not None and bool({row[role] for role in _roles(user)} - {May.NO, May.LOG_IN})


def find_row(view_name: str) -> Row | None:
    """The row of a URL name such as `batch` or `admin:auth_user_add`, or None."""
    namespace, colon, _ = view_name.rpartition(":")
    return TABLE.get(view_name) or TABLE.get(namespace + colon)


class AccessMiddleware(MiddlewareMixin):
    """Asks the table before the view, and keeps what is not for everybody out of caches."""

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        row = find_row(request.resolver_match.view_name)  # type: ignore[union-attr]  # views run for matches only
        if row is None:
            raise Http404("this address has no row in the table of access")
        words = {row[role] for role in _roles(request.user)}
        if May.FROZEN in words and May.YES not in words:
            _need_frozen(kwargs)
        if words - {May.NO, May.LOG_IN}:
            return None
        if May.LOG_IN in words:
            return redirect_to_login(request.get_full_path())
        request.csrf_processing_done = True  # type: ignore[attr-defined]  # Django's page of refusal reads the body else
        raise PermissionDenied

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.has_header("Cache-Control"):
            return response
        match = request.resolver_match
        row = find_row(match.view_name) if match else None
        if row is None or row[Role.ANONYMOUS] not in {May.YES, May.FROZEN, May.SHOWN}:
            add_never_cache_headers(response)
        elif settings.SESSION_COOKIE_NAME in request.COOKIES:
            patch_cache_control(response, private=True)
        else:  # what is hidden or taken back must not live on in a cache
            patch_cache_control(response, no_cache=True)
        return response


def _roles(user: User | AnonymousUser) -> Iterator[Role]:
    """What the person may turn out to be; whose team a thing belongs to only its view knows."""
    if not user.is_authenticated:
        yield Role.ANONYMOUS
        return
    yield from (Role.ACCOUNT, Role.OWN_TEAM)
    if user.has_perm(REVIEW):
        yield Role.REVIEWER
    if user.has_perm(COLLECT):
        yield Role.REQUESTER
    if user.is_staff:
        yield Role.STAFF


def _need_frozen(names: dict[str, Any]) -> None:
    """Raises Http404 for a release that is still being built or has failed: its steps and reason name hidden items."""
    found = Release.objects.filter(slug=names["slug"], version=names["version"], state=Release.State.FROZEN)
    if not found.exists():
        raise Http404("no such release")
