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
from benchmark_site.leaderboard.boards.version import Standing, version
from benchmark_site.leaderboard.models import Announcement, Track

KEPT_S = 3600
_WHOLE_KEPT_S = 300  # all rows are megabytes

Made = TypeVar("Made")


@dataclass(frozen=True)
class Kept(Generic[Made]):
    """What was made; what is drawn of it may be kept, too, under `key` for `seconds`: 0 is not at all, and then nothing
    else has that key."""

    made: Made
    key: str
    seconds: int


@dataclass(frozen=True)
class Page:
    """What a page of a board shows that the board's version knows of."""

    board: Board
    announcements: list[Announcement]


def kept_page(standing: Standing, wanted: Wanted) -> Kept[Page]:
    """The rows of a board that are wanted, with what is announced above them."""

    def read(track: Track) -> Page:
        return Page(read_board(track, wanted), list(track.announcements.filter(withdrawn_at=None)))

    return kept(standing, f"page {wanted!r}", read)


def kept_board(standing: Standing, wanted: Wanted) -> Kept[Board]:
    """Rows of a board alone, as exports and badges are made of them: usually all."""
    return kept(standing, repr(wanted), lambda track: read_board(track, wanted), _WHOLE_KEPT_S)


def kept(standing: Standing, what: str, make: Callable[[Track], Made], seconds: int = KEPT_S) -> Kept[Made]:
    """What `make` makes of a track's board, called `what`: from the cache, or made from the track of that version.

    The board's version is asked again afterwards: what was made while it changed is of neither, and not kept.
    """
    key = f"board-{standing.version}-{hashlib.sha256(what.encode()).hexdigest()}"
    found: Made | None = cache.get(key)
    if found is not None:
        return Kept(found, key, seconds)
    made = make(standing.track)
    if version(standing.track, timezone.now()) != standing.version:
        return Kept(made, secrets.token_hex(8), 0)
    cache.set(key, made, seconds)
    return Kept(made, key, seconds)
