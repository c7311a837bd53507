"""API tokens: 256 random bits, shown once, kept as a digest (no salt is needed for what cannot be guessed)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.utils import timezone

from benchmark_site.leaderboard.models import ApiToken, Membership, Scope

_PREFIX_LENGTH = 10
# `last_used_at` is for people who look for forgotten tokens: a minute's precision spares a write per request.
_LAST_USED_STEP = timedelta(minutes=1)


def create_token(membership: Membership, label: str = "", *, scope: Scope = Scope.SUBMIT, days: int = 90) -> str:
    """Make a token that lives so many days and return it: it cannot be read again."""
    token = "hb_" + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        membership=membership,
        label=label,
        scope=scope,
        expires_at=timezone.now() + timedelta(days=days),
        prefix=token[:_PREFIX_LENGTH],
        digest=_digest(token),
    )
    return token


def authenticate(token: str) -> ApiToken | None:
    """The live token that this string is, if its user may still act."""
    now = timezone.now()
    found = (
        ApiToken.objects.select_related("membership__team", "membership__user")
        .filter(digest=_digest(token), revoked_at__isnull=True, expires_at__gt=now, membership__user__is_active=True)
        .first()
    )
    if found and (found.last_used_at is None or found.last_used_at < now - _LAST_USED_STEP):
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found


def revoke(token: ApiToken) -> None:
    """From now on it opens nothing; its row stays, so that what it did can still be read."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
