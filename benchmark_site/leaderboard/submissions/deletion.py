"""Deleting the files of submissions: by their team where nothing rests on them, by the clock where the board says so.

What was sent is told by its hash for ever, and still counts; scores and reports stay. The row says first that the file
is deleted, so that nothing new is begun with it; then the file goes, and its name last: whoever dies in between leaves
something for the sweep.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import State, Submission
from benchmark_site.leaderboard.models.work import UNFINISHED

NO_ENTRY_DAYS = 30  # dry runs, and what was refused, failed or cancelled
_AT_ONCE = 200  # files in one pass


def delete_file(submission: Submission) -> None:
    """Delete the file for its team; does nothing where that was done. Raises ApiError where something rests on it."""
    with transaction.atomic():
        row = Submission.objects.select_for_update(of=("self",)).select_related("track__release").get(pk=submission.pk)
        if row.file_deleted_at is None:
            check_nothing_rests_on(row)
            row.file_deleted_at = timezone.now()
            row.save(update_fields=["file_deleted_at"])
    _remove(row)


def sweep(now: datetime) -> None:
    """Delete what is due, and finish what somebody began."""
    for row in due(now)[:_AT_ONCE]:
        with transaction.atomic():  # somebody may be having it scored again: under the lock it is looked at anew
            Submission.objects.select_for_update().get(pk=row.pk)
            due(now).filter(pk=row.pk).update(file_deleted_at=now)
    for row in Submission.objects.filter(file_deleted_at__isnull=False).exclude(file="")[:_AT_ONCE]:
        _remove(row)


def due(now: datetime) -> QuerySet[Submission]:
    """Submissions whose files the rules of their boards, or of all boards, delete by now."""
    days = ExpressionWrapper(F("track__files_kept_days") * Value(timedelta(days=1)), output_field=DurationField())
    end = Greatest(Coalesce("track__reveals_at", "track__closes_at"), "created_at")  # of a late entry, its own day
    kept_until = ExpressionWrapper(end + days, output_field=DateTimeField())
    no_entry = Q(counts=False, created_at__lte=now - timedelta(days=NO_ENTRY_DAYS))
    rows = Submission.objects.filter(file_deleted_at=None, baseline=False, hidden_at=None)
    rows = rows.exclude(evaluations__state__in=UNFINISHED).annotate(kept_until=kept_until)
    return rows.filter(no_entry | Q(kept_until__lte=now)).order_by("created_at")


def check_nothing_rests_on(row: Submission) -> None:
    """Raise ApiError where its team cannot delete its file, with what rests on it."""
    if row.baseline:
        raise ApiError("file", "baseline", "files of baselines are kept", status=409)
    if row.hidden_at:
        raise ApiError("file", "hidden", "the organiser hides it: its file is kept", status=409)
    if row.evaluations.filter(state__in=UNFINISHED).exists():
        raise ApiError("file", "unfinished", "it is being scored: wait for the end, or cancel it", status=409)
    revealed = row.track.is_revealed(timezone.now())
    if row.public and row.evaluations.filter(state=State.DONE).exists():  # what has no score stands on no board
        first = "what is shown stays as it was" if revealed and not row.is_late else "take it off the board first"
        raise ApiError("file", "public", f"it stands on the board: {first}", status=409)
    if row.final and not revealed:
        raise ApiError("file", "final", "it is chosen for the private part: take the choice back first", status=409)


def _remove(row: Submission) -> None:
    for file in (row.predicted, row.file):
        if file.name:
            file.storage.delete(file.name)
    Submission.objects.filter(pk=row.pk).update(file="", predicted="", predicted_sha256="")
