"""The door: who may submit now, and how a file becomes a submission."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from benchmark_site.leaderboard import uploads
from benchmark_site.leaderboard.forms import SubmissionForm
from benchmark_site.leaderboard.models import Evaluation, State, Submission, Team, Track
from benchmark_site.leaderboard.refusals import Refusal
from benchmark_site.leaderboard.score import queue_evaluation

DAY = timedelta(hours=24)
# Failed and cancelled submissions eat no quota, but each is a file on the disk and a run of the scorer.
MOST_ATTEMPTS_A_DAY = 100
_LONGEST_FILE_NAME = 100


@dataclass(frozen=True)
class Quota:
    """What a team may still submit to a track. `next_slot` is None where the total is used up."""

    per_day: int
    total: int
    used_day: int
    used_total: int
    next_slot: datetime | None

    @property
    def left(self) -> int:
        return max(0, min(self.per_day - self.used_day, self.total - self.used_total))


def quota(team: Team, track: Track, now: datetime) -> Quota:
    """Count what counts, over any 24 hours and in all."""
    sent = Submission.objects.filter(team=team, track=track, counts=True)
    used_total = sent.count()
    recent = list(sent.filter(created_at__gt=now - DAY).order_by("-created_at").values_list("created_at", flat=True))
    next_slot: datetime | None = now
    if used_total >= track.total:
        next_slot = None
    elif len(recent) >= track.per_day:
        # With the window full, the slot opens when the per_day-th newest leaves it (a limit may have been lowered).
        next_slot = recent[track.per_day - 1] + DAY
    return Quota(track.per_day, track.total, len(recent), used_total, next_slot)


def check_may_submit(team: Team, track: Track, now: datetime) -> None:
    """Raise Refusal where the track is closed or the team has used its quota."""
    if now < track.opens_at:
        raise Refusal("track", "not_open", f"{track.path} opens at {track.opens_at:%Y-%m-%d %H:%M} UTC", status=403)
    if not track.is_open(now):
        raise Refusal("track", "closed", f"{track.path} closed at {track.closes_at:%Y-%m-%d %H:%M} UTC", status=403)
    found = quota(team, track, now)
    if found.next_slot is None:
        raise Refusal("track", "quota_total", f"all {found.total} submissions of {team} are used", status=429)
    if not found.left:
        raise Refusal(
            "track",
            "quota_day",
            f"{found.used_day} of {found.per_day} submissions of {team} in 24 hours are used; "
            f"the next slot opens at {found.next_slot:%Y-%m-%d %H:%M:%S} UTC",
            status=429,
            next_slot=found.next_slot.isoformat(),
        )
    attempts = Submission.objects.filter(team=team, track=track, created_at__gt=now - DAY).count()
    if attempts >= MOST_ATTEMPTS_A_DAY:
        raise Refusal("track", "attempts", f"{attempts} attempts in 24 hours, failed ones included", status=429)


def create_submission(
    team: Team, track: Track, user: AbstractBaseUser | AnonymousUser, form: SubmissionForm, file: uploads.Upload
) -> Submission:
    """Keep the file, create the submission and queue its first evaluation.

    Raises Refusal naming the field: the form's errors, the track's dates and quota, a file that is already there.
    """
    check_form(form)
    submission: Submission = form.save(commit=False)
    submission.team, submission.track, submission.created_by = team, track, user  # type: ignore[assignment]
    submission.sha256, submission.size = file.sha256, file.size or 0
    submission.file_name = _shown_name(file.name or "")
    if team.baseline:
        submission.baseline = submission.public = True
    # The file is put in place before the lock: moving a gigabyte may take a while.
    place = f"submissions/{track.path.replace('/', '-')}/{submission.pk}{uploads.suffix(file.name or '')}"
    submission.file.name = default_storage.save(place, file)
    try:
        with transaction.atomic():
            # Two posts at once would both count before either inserts; the second waits here for the first.
            Team.objects.select_for_update(no_key=True).get(pk=team.pk)
            submission.created_at = timezone.now()
            check_may_submit(team, track, submission.created_at)
            _check_new(submission)
            submission.save(force_insert=True)
            queue_evaluation(submission)
    except BaseException:
        default_storage.delete(submission.file.name)
        raise
    return submission


def check_form(form: SubmissionForm) -> None:
    """Raise the form's first error as a Refusal."""
    for field, errors in form.errors.as_data().items():
        raise Refusal(field, errors[0].code or "invalid", " ".join(errors[0].messages))


def check_sha256(declared: str, file: uploads.Upload) -> None:
    """Compare what arrived with what the sender says it sent."""
    if declared and declared.strip().lower() != file.sha256:
        raise Refusal(
            "sha256", "sha256_differs", f"{file.size:,} bytes with sha256 {file.sha256} arrived: send the file again"
        )


def cancel(submission: Submission) -> None:
    """Stop its unfinished evaluation; a running scorer notices at its next heartbeat."""
    with transaction.atomic():
        waiting = Evaluation.objects.select_for_update().filter(submission=submission)
        evaluation = waiting.filter(state__in=[State.QUEUED, State.RUNNING]).first()
        if evaluation is None:
            raise Refusal("submission", "finished", "it is finished: there is nothing to cancel", status=409)
        evaluation.end(State.CANCELLED)


def set_public(submission: Submission, public: bool) -> None:
    """Show it on the board, or take it back."""
    if submission.baseline and not public:
        raise Refusal("public", "baseline", "baselines are always public", status=409)
    Submission.objects.filter(pk=submission.pk).update(public=public)


def visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Submission]:
    """Public ones that have a score, and everything of the user's own teams; staff see all."""
    submissions = Submission.objects.select_related("team", "track__release")
    if getattr(user, "is_staff", False):
        return submissions
    own = Q(team__memberships__user=user.pk) if user.pk else Q(pk__isnull=True)
    return submissions.filter(Q(public=True, evaluations__state=State.DONE) | own).distinct()


def _check_new(submission: Submission) -> None:
    earlier = Submission.objects.filter(
        team=submission.team, track=submission.track, sha256=submission.sha256, counts=True
    ).first()
    if earlier:
        raise Refusal(
            "file",
            "duplicate",
            f"this file is already submission {earlier.pk} ({earlier.method})",
            status=409,
            submission=str(earlier.pk),
        )


def _shown_name(name: str) -> str:
    visible = "".join(character for character in name if unicodedata.category(character)[0] != "C")
    return visible[:_LONGEST_FILE_NAME] or "predictions"
