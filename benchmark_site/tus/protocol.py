"""The tus protocol 1.0 (tus.io) with the extensions creation and termination, as views to be filled in.

Own code, since what PyPI has is out of care or brings a second web framework. An upload is its owner's alone; everybody
else gets 404. Beside the protocol, GET says what became of a file.
"""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, UnreadablePostError
from django.views import View

from benchmark_site.tus.partial import Partial, WrongOffset, append

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
            response = self.refuse(refusal)
        response["Tus-Resumable"] = response["Tus-Version"] = VERSION
        response["Cache-Control"] = "no-store"
        return response

    def refuse(self, refusal: Refusal) -> HttpResponse:
        """A line of text."""
        return HttpResponse(f"{refusal}\n", status=refusal.status, content_type="text/plain; charset=utf-8")

    def largest(self) -> int:
        """Bytes of the largest file that is taken."""
        raise NotImplementedError

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        told = {"Tus-Extension": "creation,termination", "Tus-Max-Size": str(self.largest())}
        return HttpResponse(status=204, headers=told)


class TusNew(Tus):
    """Make room for a file."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        size, said = number(request, "Upload-Length"), metadata(request)
        return HttpResponse(status=201, headers={"Location": self.begin(size, said)})

    def begin(self, size: int, said: dict[str, str]) -> str:
        """The address of the new upload. Raises Refusal."""
        raise NotImplementedError


class TusParts(Tus):
    """One file on its way."""

    http_method_names = ["get", "head", "patch", "delete", "options"]
    kind: type[Partial]

    def head(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        upload = self.find(pk)
        return HttpResponse(headers={"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.size)})

    def patch(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        upload = self.find(pk)
        if request.content_type != BYTES:
            raise Refusal(415, f"the content type {BYTES} was expected")
        offset = number(request, "Upload-Offset")
        try:
            if offset != upload.offset:  # before the body is read
                raise WrongOffset(f"{offset} where {upload.offset} is the next")
            for piece in _pieces(request):
                offset = append(self.kind, pk, offset, piece)
        except WrongOffset as error:
            raise Refusal(409, f"Upload-Offset: {error}") from error
        except self.kind.DoesNotExist as error:
            raise Refusal(404, "the upload was ended") from error
        if offset == upload.size:
            self.finish(pk)
        return HttpResponse(status=204, headers={"Upload-Offset": str(offset)})

    def delete(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        self.discard(self.find(pk))
        return HttpResponse(status=204)

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return JsonResponse(self.became(self.find(pk)))

    def find(self, pk: UUID) -> Any:
        """The upload, if it is the caller's; else Http404 or Refusal."""
        raise NotImplementedError

    def finish(self, pk: UUID) -> None:
        """Take the whole file in; once, however often it is asked for."""
        raise NotImplementedError

    def discard(self, upload: Any) -> None:
        """Forget it with what has come of it."""
        raise NotImplementedError

    def became(self, upload: Any) -> dict[str, Any]:
        """What became of it."""
        raise NotImplementedError


def number(request: HttpRequest, header: str) -> int:
    """A header's number of bytes. Raises Refusal."""
    value = request.headers.get(header, "")
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise Refusal(400, f"{header}: a number of bytes was expected")
    return int(value)


def metadata(request: HttpRequest) -> dict[str, str]:
    """Upload-Metadata: `key base64, key base64`, a key without a value being empty. Raises Refusal."""
    pairs = (pair.split() for pair in request.headers.get("Upload-Metadata", "").split(",") if pair.strip())
    try:
        said = {key: b64decode(value[0] if value else "", validate=True).decode() for key, *value in pairs}
    except ValueError as error:  # not base64, not even ASCII, not UTF-8
        raise Refusal(400, f"Upload-Metadata: base64 of UTF-8 was expected: {error}") from error
    for key, text in said.items():
        if "\0" in text:  # which no column of the database takes
            raise Refusal(400, f"Upload-Metadata: {key} holds a NUL byte: text was expected")
    return said


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
