"""Films sent in pieces: the tus protocol 1.0 (tus.io) with the extensions creation and termination.

Own code, since what PyPI has is out of care or brings a second web framework. An upload is its owner's alone; everybody
else gets 404. Beside the protocol, GET says what became of a film.
"""

from __future__ import annotations

import binascii
import io
from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, UnreadablePostError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View

from annotation.media import uploads
from annotation.media.uploads import UploadRefused, WrongOffset
from annotation.models import Upload
from annotation.pages.forms import UploadForm

VERSION = "1.0.0"
BYTES = "application/offset+octet-stream"
PIECE = 4 * 2**20  # what a broken connection can cost, and what is held in memory
READ = 64 * 2**10


class Refusal(Exception):
    """What a request gets instead: a status and a line that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Tus(View):
    """Versions and refusals, which all requests have in common."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if request.method not in {"GET", "OPTIONS"} and request.headers.get("Tus-Resumable") != VERSION:
                raise Refusal(412, f"the header Tus-Resumable: {VERSION} was expected")
            response = super().dispatch(request, *args, **kwargs)
        except Refusal as refusal:
            response = HttpResponse(f"{refusal}\n", status=refusal.status, content_type="text/plain; charset=utf-8")
        response["Tus-Resumable"] = response["Tus-Version"] = VERSION
        response["Cache-Control"] = "no-store"
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        told = {"Tus-Extension": "creation,termination", "Tus-Max-Size": str(settings.INGEST_MAX_BYTES)}
        return HttpResponse(status=204, headers=told)


class UploadNew(Tus):
    """Make room for a file."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        size, said = _number(request, "Upload-Length"), _metadata(request)
        about = UploadForm(said)
        if not about.is_valid():
            raise Refusal(400, " ".join(about.errors.as_text().split()))
        try:
            subtitles = [UUID(name) for name in said.get("subtitles", "").split()]
        except ValueError as error:
            raise Refusal(400, "subtitles: ids of uploads were expected") from error
        if size > settings.INGEST_MAX_BYTES:
            raise Refusal(413, f"larger than {settings.INGEST_MAX_BYTES / 2**30:g} GiB (INGEST_MAX_BYTES)")
        assert isinstance(request.user, User)  # the table of access has seen to it
        try:
            upload = uploads.begin(request.user, said.get("filename", ""), size, about.cleaned_data, subtitles)
        except UploadRefused as error:
            raise Refusal(400, str(error)) from error
        return HttpResponse(status=201, headers={"Location": reverse("upload", args=[upload.pk])})


class UploadParts(Tus):
    """One file on its way."""

    http_method_names = ["get", "head", "patch", "delete", "options"]

    def head(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        upload = self._mine(pk)
        return HttpResponse(headers={"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.size)})

    def patch(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        upload = self._mine(pk)
        if request.content_type != BYTES:
            raise Refusal(415, f"the content type {BYTES} was expected")
        offset = _number(request, "Upload-Offset")
        try:
            if offset != upload.offset:  # before the body is read
                raise WrongOffset(f"{offset} where {upload.offset} is the next")
            for piece in _pieces(request):
                offset = uploads.append(pk, offset, piece)
        except WrongOffset as error:
            raise Refusal(409, f"Upload-Offset: {error}") from error
        except Upload.DoesNotExist as error:
            raise Refusal(404, "the upload was ended") from error
        if offset == upload.size:
            uploads.finish(pk)
        return HttpResponse(status=204, headers={"Upload-Offset": str(offset)})

    def delete(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        uploads.discard(self._mine(pk))
        return HttpResponse(status=204)

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return JsonResponse({"films": self._mine(pk).result})

    def _mine(self, pk: UUID) -> Upload:
        return get_object_or_404(Upload, pk=pk, owner=self.request.user.pk)


def _pieces(request: HttpRequest) -> Iterator[bytes]:
    """The body, piece by piece; where the connection breaks, what has come until then is the last one."""
    broken = False
    while not broken:
        piece = io.BytesIO()
        try:
            while piece.tell() < PIECE and (read := request.read(min(READ, PIECE - piece.tell()))):
                piece.write(read)
        except UnreadablePostError:
            broken = True
        if not piece.tell():
            return
        yield piece.getvalue()


def _number(request: HttpRequest, header: str) -> int:
    value = request.headers.get(header, "")
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise Refusal(400, f"{header}: a number of bytes was expected")
    return int(value)


def _metadata(request: HttpRequest) -> dict[str, str]:
    """Upload-Metadata: `key base64, key base64`, a key without a value being empty."""
    pairs = (pair.split() for pair in request.headers.get("Upload-Metadata", "").split(",") if pair.strip())
    try:
        return {key: b64decode(value[0] if value else "", validate=True).decode() for key, *value in pairs}
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refusal(400, f"Upload-Metadata: base64 of UTF-8 was expected: {error}") from error
