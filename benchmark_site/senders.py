"""Who may send a large body where: asked with the head of a request alone, before the web server reads the rest."""

from __future__ import annotations

from typing import Protocol

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.db import close_old_connections
from django.http import HttpRequest, parse_cookie
from django.urls import Resolver404, resolve

from benchmark_site.access import may_enter
from benchmark_site.leaderboard.submissions import uploads
from benchmark_site.leaderboard.teams import tokens

LARGEST_ANNOTATIONS = 512 * 2**20  # the largest published file of the field has 150 MB
# Fields and boundaries around the files of a form.
_ENVELOPE_BYTES = 64 * 1024


class Head(Protocol):
    """The head of a request: header names in capitals with underscores, bytes that it announces (0: by chunks).

    `sender` is noted down here: who it is, by the key of the account.
    """

    path: str
    headers: dict[str, str]
    content_length: int
    sender: str


def largest_body() -> int:
    """Bytes of the largest body that anybody may send."""
    return max(_limits().values())


def most_bytes(head: Head) -> int:
    """Bytes of the largest body that this address takes from this sender, 0 where it does not take this one.

    Notes down who the sender is.
    """
    try:
        name = resolve(head.path).view_name
    except Resolver404:
        return 0
    limit = _limits().get(name, 0)
    if head.content_length > limit:
        return 0
    close_old_connections()
    try:
        user = _owner_of_token(head) if name.startswith("api") else _visitor(head, name)
    finally:
        close_old_connections()
    if user is None:
        return 0
    head.sender = str(user.pk)
    return limit


def _limits() -> dict[str, int]:
    submission = uploads.max_bytes() + _ENVELOPE_BYTES
    return {
        "api:post_submission": submission,
        "submit": submission,
        "submission-upload": uploads.max_bytes(),
        "api-upload": uploads.max_bytes(),
        "video-upload": settings.INGEST_MAX_BYTES + _ENVELOPE_BYTES,
        "imports": LARGEST_ANNOTATIONS + _ENVELOPE_BYTES,
        "upload": settings.INGEST_MAX_BYTES,  # a piece of a film, which may be all of it
    }


def _owner_of_token(head: Head) -> User | None:
    scheme, _, token = head.headers.get("AUTHORIZATION", "").partition(" ")
    found = tokens.authenticate(token.strip()) if scheme.lower() == "bearer" else None
    return found.membership.user if found is not None and found.may_submit else None


def _visitor(head: Head, name: str) -> User | None:
    request = HttpRequest()
    cookies = parse_cookie(head.headers.get("COOKIE", ""))
    request.session = SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    assert isinstance(user, User | AnonymousUser)
    return user if isinstance(user, User) and may_enter(user, name) else None
