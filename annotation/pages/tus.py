"""Films sent in pieces: whose they are, what is asked of them, and what became of each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from django.urls import reverse

from annotation.media import uploads
from annotation.media.uploads import UploadRefused
from annotation.models import Upload
from annotation.pages.forms import UploadForm
from benchmark_site.tus.protocol import Refusal, TusNew, TusParts


class UploadNew(TusNew):
    """Make room for a film, or for a file of subtitles."""

    def largest(self) -> int:
        return int(settings.INGEST_MAX_BYTES)

    def begin(self, size: int, said: dict[str, str]) -> str:
        about = UploadForm(said)
        if not about.is_valid():
            raise Refusal(400, " ".join(about.errors.as_text().split()))
        try:
            subtitles = [UUID(name) for name in said.get("subtitles", "").split()]
        except ValueError as error:
            raise Refusal(400, "subtitles: ids of uploads were expected") from error
        if size > settings.INGEST_MAX_BYTES:
            raise Refusal(413, f"larger than {settings.INGEST_MAX_BYTES / 2**30:g} GiB (INGEST_MAX_BYTES)")
        assert isinstance(self.request.user, User)  # the table of access has seen to it
        try:
            upload = uploads.begin(self.request.user, said.get("filename", ""), size, about.cleaned_data, subtitles)
        except UploadRefused as error:
            raise Refusal(400, str(error)) from error
        return reverse("upload", args=[upload.pk])


class UploadParts(TusParts):
    """One film on its way."""

    kind = Upload

    def largest(self) -> int:
        return int(settings.INGEST_MAX_BYTES)

    def find(self, pk: UUID) -> Upload:
        return get_object_or_404(Upload, pk=pk, owner=self.request.user.pk)

    def finish(self, pk: UUID) -> None:
        uploads.finish(pk)

    def discard(self, upload: Upload) -> None:
        uploads.discard(upload)

    def became(self, upload: Upload) -> dict[str, Any]:
        return {"films": upload.result}
