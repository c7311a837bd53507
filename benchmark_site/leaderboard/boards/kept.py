"""What is made of a board, kept as long as the board stays as it is: its pages, its exports, its badges.

Thousands of entries cost a tenth of a second to rank and to draw: once for each state of the board, whoever asks.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.cache import cache
from django.utils import timezone

from benchmark_site.leaderboard.boards.board import Board, Wanted, read_board
from benchmark_site.leaderboard.boards.version import version
from benchmark_site.leaderboard.models import Track

_KEPT_S = 3600
_WHOLE_KEPT_S = 300  # all rows are megabytes

Made = TypeVar("Made")


@dataclass(frozen=True)
class Kept(Generic[Made]):
    """What was made; what is drawn of it may be kept, too, under `key` for `seconds`: 0 is not at all, and then nothing
    else has that key."""

    made: Made
    key: str
    seconds: int


def kept_board(track: Track, wanted: Wanted) -> Kept[Board]:
    """The rows of a board that are wanted."""
    seconds = _KEPT_S if wanted.rows is not None else _WHOLE_KEPT_S
    return kept(track, repr(wanted), lambda fresh: read_board(fresh, wanted), seconds)


def kept(track: Track, what: str, make: Callable[[Track], Made], seconds: int = _KEPT_S) -> Kept[Made]:
    """What `make` makes of a track's board, called `what`: from the cache, or made from the track as it is now.

    The board's version is asked before and after: what was made while it changed is of neither, and not kept.
    """
    before = version(track, timezone.now())
    key = f"board-{before}-{hashlib.sha256(what.encode()).hexdigest()}"
    found: Made | None = cache.get(key)
    if found is not None:
        return Kept(found, key, seconds)
    made = make(Track.objects.select_related("release").get(pk=track.pk))
    if version(track, timezone.now()) != before:
        return Kept(made, secrets.token_hex(8), 0)
    cache.set(key, made, seconds)
    return Kept(made, key, seconds)
