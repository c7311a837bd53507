"""Submitting: who may submit now, and how a file becomes a submission."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import Evaluation, State, Submission, Team, Track
from benchmark_site.leaderboard.models.work import UNFINISHED
from benchmark_site.leaderboard.scoring.score import queue_evaluation
from benchmark_site.leaderboard.submissions import uploads
from benchmark_site.leaderboard.submissions.forms import SubmissionForm
from benchmark_site.leaderboard.submissions.quota import DAY, check_quota, lock_people, sent_by
from benchmark_site.leaderboard.submissions.visibility import check_may_show
from benchmark_site.leaderboard.teams.participation import check_let_in

# Failed and cancelled submissions eat no quota, but each is a file on the disk and a run of the scorer.
MOST_ATTEMPTS_A_DAY = 100
# Of a person that wait or are being scored, on all boards: an attempt may keep a scorer for half an hour, and
# everybody else's wait behind it.
MOST_UNDER_WAY = 5
MOST_MODELS = 2  # of a person that are under way
# Of files that are no entries, in bytes, of a person's teams or sent by that person: each lies there for thirty days.
MOST_KEPT_BYTES = 10 * 2**30
_LONGEST_FILE_NAME = 100


def check_may_submit(team: Team, track: Track, began: datetime, dry_run: bool = False) -> None:
    """Raise ApiError where the track was closed when the upload `began`, or a member of the team has no try left.

    A dry run needs no try, only attempts and a place in the queue.
    """
    if began < track.opens_at:
        raise ApiError("track", "not_open", f"{track.path} opens at {track.opens_at:%Y-%m-%d %H:%M} UTC", status=403)
    if not track.takes(began):
        raise ApiError("track", "closed", f"{track.path} closed at {track.closes_at:%Y-%m-%d %H:%M} UTC", status=403)
    check_let_in(team, track)
    now = timezone.now()
    if not dry_run:
        check_quota(team, track, now)
    recent = sent_by(team.members.all(), Track.objects.filter(pk=track.pk)).filter(created_at__gt=now - DAY)  # type: ignore[arg-type]
    attempts = recent.count()
    if attempts >= MOST_ATTEMPTS_A_DAY:
        raise ApiError("track", "attempts", f"{attempts} attempts in 24 hours, failed ones included", status=429)
    _check_kept(team)
    _check_under_way(team)


def create_submission(
    team: Team,
    track: Track,
    user: AbstractBaseUser | AnonymousUser,
    form: SubmissionForm,
    file: uploads.Arrived,
    began: datetime,
) -> Submission:
    """Keep the file, create the submission and queue its first evaluation.

    `began` is when the upload did: that moment counts for the track's dates, however long the file took. Only where the
    private part has decided meanwhile does the end of the upload count: its sender may have read private scores.

    Raises ApiError naming the field: the form's errors, the track's dates and quota, a file that is already there.
    """
    check_form(form)
    submission: Submission = form.save(commit=False)
    submission.team, submission.track, submission.created_by = team, track, user  # type: ignore[assignment]
    submission.sha256, submission.size = file.sha256, file.size or 0
    submission.file_name = _shown_name(file.name or "")
    if submission.dry_run:
        submission.counts = submission.public = False
    elif team.baseline:
        submission.baseline = submission.public = True
    # The file is put in place before the lock: moving a gigabyte may take a while.
    place = f"submissions/{track.path.replace('/', '-')}/{submission.pk}{uploads.suffix(file.name or '')}"
    submission.file.name = default_storage.save(place, file)  # type: ignore[arg-type]  # both are Django files
    try:
        with transaction.atomic():
            people = lock_people(team)
            _check_member(user, people)
            submission.created_at = timezone.now()
            submission.began_at = _counts_from(track, began, submission.created_at)
            check_may_submit(team, track, submission.began_at, submission.dry_run)
            if submission.public and not submission.baseline:
                check_may_show(submission)
            if not submission.dry_run:
                check_new(team, track, submission.sha256, people)
            if submission.kind == Submission.Kind.MODEL:
                check_models(people)
            submission.save(force_insert=True)
            submission.people.set(people)
            queue_evaluation(submission)
    except BaseException:
        default_storage.delete(submission.file.name)
        raise
    return submission


def check_form(form: SubmissionForm) -> None:
    """Raise the form's first error as a ApiError."""
    for field, errors in form.errors.as_data().items():
        raise ApiError(field, errors[0].code or "invalid", " ".join(errors[0].messages))


def check_sha256(declared: str, file: uploads.Arrived) -> None:
    """Compare what arrived with what the sender says it sent."""
    if declared and declared.strip().lower() != file.sha256:
        raise ApiError(
            "sha256", "sha256_differs", f"{file.size:,} bytes with sha256 {file.sha256} arrived: send the file again"
        )


def check_new(team: Team, track: Track, sha256: str, people: Iterable[User]) -> None:
    """Raise ApiError, naming the earlier submission, where this file of the team or of one of these people is one.

    One file is one submission, whichever of a person's teams it comes from: the others would only be more tries.
    """
    same = Submission.objects.filter(track=track, sha256=sha256, counts=True)
    theirs = sent_by(people, Track.objects.filter(pk=track.pk)).values("pk")
    earlier = same.filter(Q(team=team) | Q(pk__in=theirs)).select_related("team").first()
    if earlier:
        raise ApiError(
            "file",
            "duplicate",
            f"this file is already submission {earlier.pk} ({earlier.method}) of {earlier.team}",
            status=409,
            submission=str(earlier.pk),
        )


def check_models(people: Iterable[User]) -> None:
    """Each may keep a worker busy for an hour, and others wait behind it. It holds under the lock of the people.

    One that has predicted and is scored, for the first time or again, takes a moment.
    """
    waiting = Evaluation.objects.filter(Evaluation.unfinished(), Evaluation.to_predict())
    if waiting.filter(submission__people__in=people).distinct().count() >= MOST_MODELS:
        raise ApiError(
            "kind", "models", f"{MOST_MODELS} models of a member of this team are under way: wait for one", status=429
        )


def cancel(submission: Submission) -> None:
    """Stop its unfinished evaluation; a running scorer notices at its next heartbeat.

    Raises ApiError where there is none, and where it has been scored before: scoring it again is the organiser's wish.
    """
    with transaction.atomic():
        waiting = Evaluation.objects.select_for_update().filter(submission=submission)
        evaluation = waiting.filter(state__in=[State.QUEUED, State.RUNNING]).first()
        if evaluation is None:
            raise ApiError("submission", "finished", "it is finished: there is nothing to cancel", status=409)
        if submission.evaluations.filter(state=State.DONE).exists():
            message = "the organiser has it scored again: its old score stands until then, and no try is used"
            raise ApiError("submission", "scored_again", message, status=409)
        evaluation.end(State.CANCELLED)


def _check_member(user: AbstractBaseUser | AnonymousUser, people: Sequence[User]) -> None:
    """Who has left since the upload began would send in the name of others, by nobody's tries."""
    if user not in people:
        raise ApiError("team", "not_a_member", "you are no member of this team any more", status=403)


def _counts_from(track: Track, began: datetime, now: datetime) -> datetime:
    """The moment that counts for the dates, by the track as it is now: it may have changed since the upload began."""
    track.refresh_from_db(fields=["opens_at", "closes_at", "public_percent", "reveals_at", "late_entries"])
    return now if track.is_revealed(now) else began


def _check_kept(team: Team) -> None:
    """Nobody fills the disk with what failed, was cancelled or is a dry run: an attempt costs no try."""
    if team.baseline:
        return
    people = team.members.all()
    theirs = Submission.objects.filter(Q(team__members__in=people) | Q(created_by__in=people)).values("pk")
    kept = Submission.objects.filter(pk__in=theirs, counts=False, baseline=False, file_deleted_at=None)
    size = kept.aggregate(size=Sum("size"))["size"] or 0
    if size >= MOST_KEPT_BYTES:
        message = f"files of dry runs, failed and cancelled submissions of your teams hold {size:,} bytes: delete some"
        raise ApiError("file", "kept", message, status=429)


def _check_under_way(team: Team) -> None:
    """Nobody puts hours of work before all others. What is scored again was asked for by an organiser.

    The platform's own baselines come a few at once when a release has been trained on.
    """
    if team.baseline:
        return
    under_way = Submission.objects.filter(team__baseline=False, evaluations__state__in=UNFINISHED)
    first_time = under_way.exclude(evaluations__state=State.DONE)
    for person in User.objects.filter(memberships__team=team).order_by("pk"):
        if first_time.filter(people=person).count() >= MOST_UNDER_WAY:
            message = f"{MOST_UNDER_WAY} submissions of {person}, dry runs included, wait or are being scored"
            raise ApiError("track", "under_way", f"{message}: wait for one", status=429)


def _shown_name(name: str) -> str:
    visible = "".join(character for character in name if unicodedata.category(character)[0] != "C")
    return visible[:_LONGEST_FILE_NAME] or "predictions"
