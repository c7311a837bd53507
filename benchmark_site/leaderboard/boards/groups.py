"""Has the paired tests made by which the rows of a board are grouped."""

from __future__ import annotations

from django.utils import timezone

from benchmark_site.leaderboard.boards.board import Wanted, read_board, untested
from benchmark_site.leaderboard.models import Evaluation, Track
from benchmark_site.leaderboard.scoring.compare import request_comparison

# Of one board in one pass: each costs two scorings, and submissions wait in the same queue.
_AT_ONCE = 5


def compare_neighbours() -> None:
    """Queue the tests by which the first pages of boards are grouped.

    On a hidden split only once the board is over: told earlier, a group would be one more thing that a try can learn.
    """
    for track in Track.objects.select_related("release"):
        if track.hides_truth and not track.is_over(timezone.now()):
            continue
        pairs = untested(read_board(track, Wanted()))[:_AT_ONCE]
        with_files = Evaluation.objects.filter(submission__file_deleted_at=None)
        known = with_files.in_bulk({pk for pair in pairs for pk in pair})
        for one, other in pairs:
            if one in known and other in known:
                request_comparison(known[one], known[other])
