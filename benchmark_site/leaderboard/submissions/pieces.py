"""From a file sent in pieces to a submission: by the page with a session, by programs with a token."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files import File
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import SubmissionUpload, Team, Track
from benchmark_site.leaderboard.submissions.forms import SubmissionForm
from benchmark_site.leaderboard.submissions.submit import (
    check_form,
    check_may_submit,
    check_new,
    check_sha256,
    create_submission,
)
from benchmark_site.leaderboard.submissions.uploads import check_size
from benchmark_site.tus.partial import remove, remove_unknown

# Of one person at once: each may lie on the disk for days.
MOST_UNFINISHED = 5
KEPT = timedelta(days=2)
STALLED_S = 60  # a whole file that nobody has taken in by then is the sweeper's


class WholeFile(File):
    """A part whose bytes have all come, with their sha256: it is moved, not copied."""

    def __init__(self, path: Path, name: str) -> None:
        file = path.open("rb")
        super().__init__(file, name)
        self.path = path
        self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)

    def temporary_file_path(self) -> str:
        """Where it lies: Django's storage then renames it."""
        return str(self.path)


def begin(owner: Any, team: Team, track: Track, name: str, size: int, said: dict[str, str]) -> SubmissionUpload:
    """Room for a file, or the room that the same file has already: a sender that comes again goes on.

    Raises ApiError for the form's errors, a file that is a submission already, the track's dates and limits, a file too
    large, too many uploads at once.
    """
    form = SubmissionForm(said)
    check_form(form)
    check_size(size)
    theirs = SubmissionUpload.objects.filter(owner=owner, submission=None, refusal__isnull=True)
    sha256 = said.get("sha256", "").strip().lower()[:64]
    fields = {field: said[field] for field in form.fields if field in said}
    same = theirs.filter(team=team, track=track, size=size, sha256=sha256, fields=fields).exclude(sha256="").first()
    if same:
        return same
    if sha256 and not form.cleaned_data["dry_run"]:  # before a gigabyte is sent once more
        check_new(team, track, sha256, team.members.all())  # type: ignore[arg-type]
    upload = SubmissionUpload(owner=owner, team=team, track=track, size=size, fields=fields, sha256=sha256)
    upload.name = name[:200] or "predictions"
    check_may_submit(team, track, upload.created_at, form.cleaned_data["dry_run"])
    if theirs.count() >= MOST_UNFINISHED:
        message = f"{MOST_UNFINISHED} uploads of yours are under way: end one of them first"
        raise ApiError("file", "uploads", message, status=429)
    upload.save()
    return upload


def finish(pk: UUID) -> None:
    """Make a submission of a file that is whole, or keep why it is none; once, however often it is asked for."""
    with transaction.atomic():
        whole = SubmissionUpload.objects.filter(pk=pk, submission=None, refusal__isnull=True, offset=F("size"))
        upload = (
            whole.select_for_update(skip_locked=True, of=("self",)).select_related("team", "track__release").first()
        )
        if upload is None:
            return
        try:
            with transaction.atomic(), WholeFile(upload.part, upload.name) as file:
                check_sha256(upload.sha256, file)
                form = SubmissionForm(upload.fields)
                upload.submission = create_submission(
                    upload.team, upload.track, upload.owner, form, file, upload.began_at
                )
        except ApiError as refusal:
            upload.refusal = refusal.as_dict()
        except FileNotFoundError:  # a crash of ours between its move and the commit
            upload.refusal = ApiError("file", "lost", "the file was lost on our side: send it again").as_dict()
        upload.save()
        transaction.on_commit(lambda: remove([upload.part]))


def discard(upload: SubmissionUpload) -> None:
    """Forget an upload and what has come of it; a submission that it became stays."""
    part = upload.part
    with transaction.atomic():
        upload.delete()
        transaction.on_commit(lambda: remove([part]))


def sweep() -> None:
    """Take in what is whole and was left there, forget what is old, remove parts that no row knows."""
    waiting = SubmissionUpload.objects.filter(submission=None, refusal__isnull=True)
    stalled = waiting.filter(offset=F("size"), touched_at__lt=Now() - timedelta(seconds=STALLED_S))
    for pk in stalled.values_list("pk", flat=True):
        finish(pk)
    for upload in SubmissionUpload.objects.filter(touched_at__lt=Now() - KEPT):
        discard(upload)
    remove_unknown(SubmissionUpload)
