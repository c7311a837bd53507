"""Who sees a submission: its team shows it or takes it back; what the organiser hides, the team cannot show."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import Case, Q, QuerySet, When
from django.utils import timezone

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import State, Submission, Track
from benchmark_site.leaderboard.submissions.quota import sent_by


def set_public(submission: Submission, public: bool) -> None:
    """Show it on the board, or take it back. Raises ApiError as `check_public` does, by what holds at that moment."""
    with transaction.atomic():
        # The reveal writes down what is shown under the same lock.
        submission.track = Track.objects.select_for_update(no_key=True).get(pk=submission.track_id)
        submission.refresh_from_db(fields=["final", "hidden_at", "file_deleted_at"])
        check_public(submission, public)
        # Conditional, because the organiser may hide it after it was read.
        rows = Submission.objects.filter(pk=submission.pk, hidden_at__isnull=True)
        if public:  # or its file be deleted
            rows = rows.filter(file_deleted_at__isnull=True)
        elif rows.filter(final=True).exists():
            raise _chosen()
        if not rows.update(public=public):
            raise _hidden()


def check_public(submission: Submission, public: bool) -> None:
    """Raise ApiError where it cannot be shown, or taken back.

    Not a baseline, nor one that the organiser hides, and where the private part looks at what is shown: of a chosen
    final, and after the reveal of every entry, since what has decided stays on the board.
    """
    if submission.baseline and not public:
        raise ApiError("public", "baseline", "baselines are always public", status=409)
    if submission.dry_run:
        raise ApiError("public", "dry_run", "it was a dry run and has no score: submit the file", status=409)
    if submission.track.is_revealed(timezone.now()) and not submission.baseline and not submission.is_late:
        raise ApiError("public", "revealed", "the private part has decided: what is shown stays as it was", status=409)
    if submission.hidden_at:
        raise _hidden()
    if not public:
        if submission.final:
            raise _chosen()
        return
    if submission.file_deleted_at:
        raise ApiError("public", "file_deleted", "its file is deleted: nobody could look into it", status=409)
    check_may_show(submission)


def check_may_show(submission: Submission) -> None:
    """Raise ApiError while the organiser hides something that a member of the team has sent for any team.

    The same predictions with one more blank are another file, and a new team another name; on a track with the same
    hidden items they would undo the hiding as well.
    """
    people = [*submission.team.members.all(), *submission.people.all()]
    others = sent_by(people, submission.track.kin()).exclude(pk=submission.pk)  # type: ignore[arg-type]
    if others.filter(hidden_at__isnull=False).exists():
        raise ApiError(
            "public",
            "hidden",
            "the organiser hides a submission of a member of this team here: ask before showing another",
            status=409,
        )


def _chosen() -> ApiError:
    return ApiError("public", "final", "it is chosen for the private part: take that choice back first", status=409)


def _hidden() -> ApiError:
    return ApiError("public", "hidden", "the organiser has hidden it and alone can show it again", status=409)


def hide(submissions: QuerySet[Submission], reason: str, organiser: AbstractBaseUser | AnonymousUser) -> int:
    """Take them off every board and page but their own team's, which reads the reason. Returns how many."""
    return submissions.filter(hidden_at__isnull=True).update(
        public=False, hidden_reason=reason, hidden_by=organiser.pk, hidden_at=timezone.now()
    )


def unhide(submissions: QuerySet[Submission]) -> int:
    """Give them back to their teams: private until the team shows them.

    Baselines are public at once, and so is what the private part has decided by: it counts as it did at the reveal.
    """
    return submissions.filter(hidden_at__isnull=False).update(
        public=Case(When(Q(baseline=True) | Q(decides=True), then=True), default=False),
        hidden_reason="",
        hidden_by=None,
        hidden_at=None,
    )


def visible_to(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Submission]:
    """Public ones that have a score, and everything of the user's own teams; staff see all."""
    submissions = Submission.objects.select_related("team", "track__release")
    if getattr(user, "is_staff", False):
        return submissions
    own = Q(team__memberships__user=user.pk) if user.pk else Q(pk__isnull=True)
    return submissions.filter(Q(public=True, evaluations__state=State.DONE) | own).distinct()
