"""Whose token it is, and what it may do."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.security import HttpBearer

from annotation.roles import COLLECT
from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import ApiToken, Scope
from benchmark_site.leaderboard.teams import tokens

READING = {"GET", "HEAD"}


class TokenAuth(HttpBearer):
    """`Authorization: Bearer hb_…` of a token for submissions: one that orders work does not even read them."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        found = tokens.authenticate(token)
        if found and found.scope == Scope.ORDERS:
            message = "this token orders work and is not for submissions: make another for them"
            raise ApiError("Authorization", "scope", message, status=403)
        if found and request.method not in READING and not found.may_submit:
            raise ApiError("Authorization", "scope", "this token may only read: make one that may submit", status=403)
        return found


class OrderAuth(HttpBearer):
    """A token that may order work, of somebody who may: reading, too, since what is collected is not for everybody."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        found = tokens.authenticate(token)
        if found and found.scope != Scope.ORDERS:
            message = "this token may not order work: manage.py create_token USER --scope orders makes one that may"
            raise ApiError("Authorization", "scope", message, status=403)
        if found and not found.membership.user.has_perm(COLLECT):
            raise ApiError("Authorization", "role", "ordering work is for requesters and staff", status=403)
        return found
