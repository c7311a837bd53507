"""From a file sent in pieces to a submission: by the page with a session, by programs with a token.

A whole file is not thrown away over what holds for a moment: a limit that opens again, a fault of ours. It stays
until it is a submission or refused for good, and the sweep tries it again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.core.files import File
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import Submission, SubmissionUpload, Team, Track
from benchmark_site.leaderboard.submissions.forms import SubmissionForm
from benchmark_site.leaderboard.submissions.submit import (
    check_form,
    check_may_submit,
    check_models,
    check_new,
    check_sha256,
    create_submission,
)
from benchmark_site.leaderboard.submissions.uploads import check_size, incoming_folder
from benchmark_site.tus.partial import remove, remove_unknown

# Of one person at once: each may lie on the disk for days.
MOST_UNFINISHED = 5
SILENT = timedelta(hours=1)  # one without a byte for so long makes room for a new one
KEPT = timedelta(days=2)
STALLED_S = 60  # a whole file that nobody has taken in by then is the sweeper's

logger = logging.getLogger(__name__)


class WholeFile(File):
    """A part whose bytes have all come, with their sha256: it is linked, not copied, and stays where it is."""

    def __init__(self, path: Path, name: str) -> None:
        file = path.open("rb")
        super().__init__(file, name)
        self.path = path
        self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)

    def temporary_file_path(self) -> str:
        """Another name of it, which Django's storage renames."""
        name = incoming_folder() / uuid.uuid4().hex
        os.link(self.path, name)
        return str(name)


def begin(owner: Any, team: Team, track: Track, name: str, size: int, said: dict[str, str]) -> SubmissionUpload:
    """Room for a file, or the room that the same file has already: a sender that comes again goes on.

    Raises ApiError for the form's errors, a file that is a submission already, the track's dates and limits, a file too
    large, too many uploads at once. Where as many are under way as may be, one that is silent is ended for the new one.
    """
    form = SubmissionForm(said)
    check_form(form)
    check_size(size)
    theirs = unfinished(owner)
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
    _make_room(theirs)
    upload.save()
    return upload


def unfinished(owner: Any) -> QuerySet[SubmissionUpload]:
    """What a person has begun and what has become nothing yet, the one that has been silent for longest first."""
    return SubmissionUpload.objects.filter(owner=owner, submission=None, refusal__isnull=True).order_by("touched_at")


def finish(pk: uuid.UUID) -> None:
    """Make a submission of a file that is whole, or keep why it is none, or none yet; once, however often it is asked.

    Raises what the database or the disk raise: then it has changed nothing.
    """
    with transaction.atomic():
        whole = SubmissionUpload.objects.filter(pk=pk, submission=None, refusal__isnull=True, offset=F("size"))
        upload = (
            whole.select_for_update(skip_locked=True, of=("self",)).select_related("team", "track__release").first()
        )
        if upload is None:
            return
        try:
            upload.submission = _submission_of(upload)
        except ApiError as refusal:
            if _is_momentary(refusal):  # by `update`, since `save` would touch it and it would never be old
                SubmissionUpload.objects.filter(pk=pk).update(waits_for=refusal.as_dict())
                return
            upload.refusal = refusal.as_dict()
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
        try:
            finish(pk)
        except Exception:  # whatever it is: the others do not wait for it
            logger.exception("upload %s was not taken in", pk)
    for upload in SubmissionUpload.objects.filter(touched_at__lt=Now() - KEPT):
        discard(upload)
    remove_unknown(SubmissionUpload)


def _make_room(theirs: QuerySet[SubmissionUpload]) -> None:
    """Raise ApiError where as many are under way as may be, and none of them is silent."""
    if theirs.count() < MOST_UNFINISHED:
        return
    silent = theirs.filter(offset__lt=F("size"), touched_at__lt=Now() - SILENT).first()
    if silent is None:
        message = f"{MOST_UNFINISHED} uploads of yours are under way: end one of them on the page of your submissions"
        raise ApiError("file", "uploads", message, status=429)
    discard(silent)


def _submission_of(upload: SubmissionUpload) -> Submission:
    """Raises ApiError. What is cheap to know is looked at before a gigabyte is hashed, perhaps once more."""
    form, began = SubmissionForm(upload.fields), upload.began_at
    check_form(form)
    check_may_submit(upload.team, upload.track, began, form.cleaned_data["dry_run"])
    if form.cleaned_data["kind"] == Submission.Kind.MODEL:
        check_models(upload.team.members.all())  # type: ignore[arg-type]
    if not upload.part.exists():
        raise ApiError("file", "lost", "the file was lost on our side: send it again")
    with transaction.atomic(), WholeFile(upload.part, upload.name) as file:
        check_sha256(upload.sha256, file)
        return create_submission(upload.team, upload.track, upload.owner, form, file, began)


def _is_momentary(refusal: ApiError) -> bool:
    """Whether it is a limit that opens again by itself."""
    return refusal.status == HTTPStatus.TOO_MANY_REQUESTS and refusal.code != "quota_total"
