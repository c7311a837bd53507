"""Several boards with who leads them, for the home page and the page of a release."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.core.cache import cache
from django.db.models import Q

from benchmark_site.leaderboard.boards.board import Leader, leading
from benchmark_site.leaderboard.boards.version import version
from benchmark_site.leaderboard.models import Track
from benchmark_site.leaderboard.scoring.disclosed import digits

_MOST = 6  # boards on one page: each costs a query, and when it has changed up to three more
_CACHED_S = 3600


def open_tracks(at: datetime) -> list[Track]:
    """Those to which something may be sent in time, newest release first; a page's worth."""
    begun = Track.objects.select_related("release").filter(opens_at__lte=at)
    return list(begun.filter(Q(closes_at=None) | Q(closes_at__gt=at))[:_MOST])


def leaders(tracks: Iterable[Track], at: datetime) -> list[tuple[Track, list[Leader], int]]:
    """Each board with its leaders and the digits of its values; found once for each of its states."""
    return [(track, _leaders(track, at), digits(track)) for track in tracks]


def _leaders(track: Track, at: datetime) -> list[Leader]:
    key = f"leaders-{version(track, at)}"
    found: list[Leader] | None = cache.get(key)
    if found is None:
        found = leading(track, at)
        cache.set(key, found, _CACHED_S)
    return found
