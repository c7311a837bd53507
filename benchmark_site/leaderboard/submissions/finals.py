"""Final submissions: what of a team the private part is looked up for."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import Submission, Track
from benchmark_site.leaderboard.submissions.quota import sent_by


def set_final(submission: Submission, final: bool) -> None:
    """Choose it, or take the choice back. Raises ApiError as `check_final` does, by what holds at that moment."""
    with transaction.atomic():
        # Two choices at once would both be the last, and the reveal writes down what is chosen under the same lock.
        submission.track = Track.objects.select_for_update(no_key=True).get(pk=submission.track_id)
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
    _check_open(submission, submission.track)
    if final:
        _check_not_too_many(submission, submission.track)
        if not submission.public:
            raise _not_public()


def _check_open(submission: Submission, track: Track) -> None:
    if not track.has_private_part:
        raise ApiError("final", "no_private_part", "this track has no private part: nothing is chosen", status=409)
    if track.is_revealed(timezone.now()):
        raise ApiError("final", "revealed", "the private part has decided: nothing can be chosen any more", status=409)
    if submission.baseline or submission.dry_run or submission.is_late:
        raise ApiError("final", "no_entry", "baselines, dry runs and late entries are not chosen", status=409)


def _check_not_too_many(submission: Submission, track: Track) -> None:
    """A second team of a person would be a second set of finals: they are counted as tries are, by person."""
    people = [*submission.team.members.all(), *submission.people.all()]
    theirs = sent_by(people, Track.objects.filter(pk=track.pk)).values("pk")  # type: ignore[arg-type]
    chosen = Submission.objects.filter(Q(team=submission.team_id) | Q(pk__in=theirs), track=track, final=True)
    others = chosen.exclude(pk=submission.pk).select_related("team")
    if len(others) >= track.finals:
        teams = ", ".join(sorted({one.team.name for one in others}))
        message = f"{track.finals} of members of this team are chosen, for {teams}: take one of them back first"
        raise ApiError("final", "finals", message, status=409)


def _not_public() -> ApiError:
    return ApiError("final", "not_public", "it is not on the board: show it before it is chosen", status=409)
