"""Several boards with who leads them, for the home page and the page of a release."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from benchmark_site.leaderboard.boards.board import Leader, leading
from benchmark_site.leaderboard.boards.kept import KEPT_S, kept
from benchmark_site.leaderboard.boards.version import Standing, standings
from benchmark_site.leaderboard.models import Track
from benchmark_site.leaderboard.scoring.disclosed import digits

_MOST = 6  # boards on one page: each costs up to four queries when it has changed


def open_boards(at: datetime) -> list[Standing]:
    """Those to which something may be sent in time, newest release first; a page's worth."""
    begun = Track.objects.filter(opens_at__lte=at)
    return standings(begun.filter(Q(closes_at=None) | Q(closes_at__gt=at))[:_MOST], at)


def leaders(boards: Iterable[Standing], at: datetime) -> tuple[list[tuple[Track, list[Leader], int]], int]:
    """Each board with its leaders and the digits of its values, found once for each of its states; and for how many
    seconds what shows all of them may be kept.
    """
    found = [(one.track, kept(one, "leaders", lambda track: leading(track, at))) for one in boards]
    rows = [(track, one.made, digits(track)) for track, one in found]
    return rows, min((one.seconds for _, one in found), default=KEPT_S)
