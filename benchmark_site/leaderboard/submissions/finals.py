"""Final submissions: what of a team the private part is looked up for."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import Submission, Team


def set_final(submission: Submission, final: bool) -> None:
    """Choose it, or take the choice back. Raises ApiError as `check_final` does, by what holds at that moment."""
    with transaction.atomic():
        Team.objects.select_for_update().get(pk=submission.team_id)  # two choices at once would both be the last
        submission.refresh_from_db(fields=["public"])
        check_final(submission, final)
        rows = Submission.objects.filter(pk=submission.pk)
        if final:
            rows = rows.filter(public=True)  # as it is now: it may have been taken back since it was read
        if not rows.update(final=final):
            raise _not_public()


def check_final(submission: Submission, final: bool) -> None:
    """Raise ApiError where it cannot be chosen, or the choice not be taken back.

    The track has no finals, it is too late, as many as may be are chosen, or it is not on the board: the private part
    would be looked up for another.
    """
    track = submission.track
    if not track.has_private_part:
        raise ApiError("final", "no_private_part", "this track has no private part: nothing is chosen", status=409)
    if track.is_revealed(timezone.now()):
        raise ApiError("final", "revealed", "the private part has decided: nothing can be chosen any more", status=409)
    if submission.baseline or submission.dry_run or submission.is_late:
        raise ApiError("final", "no_entry", "baselines, dry runs and late entries are not chosen", status=409)
    if not final:
        return
    chosen = Submission.objects.filter(team=submission.team_id, track=track, final=True).exclude(pk=submission.pk)
    if chosen.count() >= track.finals:
        raise ApiError("final", "finals", f"{track.finals} are chosen: take one of them back first", status=409)
    if not submission.public:
        raise _not_public()


def _not_public() -> ApiError:
    return ApiError("final", "not_public", "it is not on the board: show it before it is chosen", status=409)
