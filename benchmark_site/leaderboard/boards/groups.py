"""Has the paired tests made by which the rows of a board are grouped."""

from __future__ import annotations

from django.utils import timezone

from benchmark_site.leaderboard.boards.board import Wanted, read_board, untested
from benchmark_site.leaderboard.models import Comparison, Evaluation, Track
from benchmark_site.leaderboard.scoring.compare import request_comparison


def compare_neighbours() -> None:
    """Queue the next of the tests by which the first pages of boards are grouped, for boards that wait for none.

    Each costs two scorings, and what people compare waits in the same queue: behind one of each board at most.

    On a hidden split only once neither it nor a board of the same items takes anything any more.
    """
    for track in Track.objects.select_related("release"):
        if not track.tells_groups(timezone.now()) or _waits(track):
            continue
        pair = _next_pair(track)
        if pair is not None:
            request_comparison(*pair)


def _waits(track: Track) -> bool:
    """Whether one that the platform itself has asked for is unfinished."""
    own = Comparison.objects.filter(Comparison.unfinished(), asked_by=None)
    return own.filter(first__submission__track=track).exists()


def _next_pair(track: Track) -> tuple[Evaluation, Evaluation] | None:
    """The best two rows that no test was made for and that both have their files."""
    pairs = untested(read_board(track, Wanted()))
    with_files = Evaluation.objects.filter(submission__file_deleted_at=None).defer("report", "log", "problems")
    known = with_files.in_bulk({pk for pair in pairs for pk in pair})
    return next(((known[one], known[other]) for one, other in pairs if one in known and other in known), None)
