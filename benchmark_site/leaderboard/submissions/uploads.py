"""Streams an uploaded file to disk: bounded in size and time, hashed on the way, refused when cut short."""

from __future__ import annotations

import hashlib
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone

from benchmark_site.leaderboard.api_errors import ApiError

# Form fields and boundaries around the file.
_ENVELOPE_BYTES = 64 * 1024
# A sender below this rate, once it had time to start, holds a thread of the server for nothing.
_SLOWEST_BYTES_PER_S = 4 * 1024
_PATIENCE_S = 30
_READ_BYTES = 4 * 1024
_LONGEST_SUFFIX = 12


def max_bytes() -> int:
    """The largest file that is taken."""
    return int(settings.SUBMISSION_MAX_BYTES)


def incoming_folder() -> Path:
    """Where files lie while they arrive: on the disk they stay on, so that keeping one is a rename."""
    folder = Path(settings.MEDIA_ROOT) / "submissions" / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def began(request: HttpRequest) -> datetime:
    """When its first byte came, as `benchmark_site.server` tells; now under servers that do not wait for the body."""
    return request.META.get("hero_bench.began") or timezone.now()


class Arrived(Protocol):
    """A whole file, whichever way it came: Django's storage takes it over."""

    name: str | None
    sha256: str

    @property
    def size(self) -> int | None: ...


class Upload(TemporaryUploadedFile):
    """A file that has arrived whole, with the sha256 of its bytes."""

    sha256: str

    def __init__(self, name: str, content_type: str | None) -> None:
        file = tempfile.NamedTemporaryFile(dir=incoming_folder())  # noqa: SIM115 (closed by Django with the request)
        UploadedFile.__init__(self, file, name, content_type, 0)


def receive(request: HttpRequest) -> tuple[QueryDict, Upload]:
    """Read the body of a multipart form: its fields and the one file, named `file`.

    Raises ApiError for a body that is no such form or was cut short, and a file that is missing, empty, not alone, too
    large or too slow.
    """
    declared = int(request.META.get("CONTENT_LENGTH") or 0)
    if request.content_type != "multipart/form-data":
        raise ApiError("file", "not_a_form", "send the file as multipart/form-data (curl -F file=@predictions.json)")
    if not declared:
        raise ApiError("file", "no_length", "the request must say its Content-Length", status=411)
    if _is_too_long(declared):
        raise _too_large()
    handler = _Handler(request)
    request.upload_handlers = [handler]
    try:
        return _read_form(request, handler, declared)
    except BaseException:
        handler.discard()
        raise


def check_size(size: int) -> None:
    """Raise ApiError for a file that is empty, or larger than what is taken."""
    if size <= 0:
        raise ApiError("file", "empty", "the file is empty")
    if size > max_bytes():
        raise _too_large()


def suffix(file_name: str) -> str:
    """The ending of a sender's file name, as in `.json`, `.json.gz`, `.zip`: all of the name that is ever used."""
    endings = [ending.lower() for ending in Path(file_name).suffixes[-2:]]
    joined = "".join(endings if endings[-1:] == [".gz"] else endings[-1:])
    plain = joined.replace(".", "")
    return joined if plain.isascii() and plain.isalnum() and len(joined) <= _LONGEST_SUFFIX else ""


def _read_form(request: HttpRequest, handler: _Handler, declared: int) -> tuple[QueryDict, Upload]:
    body = _Counted(request)
    try:
        fields, files = request.parse_file_upload(request.META, body)  # type: ignore[arg-type]  # only read() is called
    except MultiPartParserError as error:
        raise ApiError("file", "broken_form", f"the form cannot be read: {error}") from error
    except SuspiciousOperation as error:  # more fields, or longer ones, than Django takes
        raise ApiError(None, "form_too_large", str(error)) from error
    except UnreadablePostError as error:
        raise _cut_short(body.read_bytes, declared) from error
    if handler.refusal:
        raise handler.refusal
    if body.read_bytes < declared:
        raise _cut_short(body.read_bytes, declared)
    found = files.get("file")
    if not isinstance(found, Upload):
        elsewhere = f"; one came as {min(files)!r}" if files else ""
        raise ApiError("file", "required", f'a file is expected in the field "file"{elsewhere}')
    if not found.size:
        raise ApiError("file", "empty", "the file is empty")
    return fields, found


class _Counted:
    """The request's body, counting what was read: a parser takes a body cut short for a whole one."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.read_bytes = 0

    def read(self, size: int | None = None, /) -> bytes:
        # A read waits until it is full, so a large one would hide for how long the sender has been silent.
        data = self._request.read(_READ_BYTES if size is None or size < 0 else min(size, _READ_BYTES))
        self.read_bytes += len(data)
        return data


class _Handler(FileUploadHandler):
    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.refusal: ApiError | None = None
        self._file: Upload | None = None
        self._digest = hashlib.sha256()
        self._began = time.monotonic()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self._file is not None:
            self._stop(ApiError("file", "several_files", "one file a submission is expected, the form holds more"))
        self._file = Upload(self.file_name or "predictions", self.content_type)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self._file is not None
        received = start + len(raw_data)
        if received > max_bytes():
            self._stop(_too_large())
        if _too_slow(self._began, received):
            waited = time.monotonic() - self._began
            self._stop(ApiError("file", "too_slow", f"{received:,} bytes in {waited:.0f} s is too slow", status=408))
        self._digest.update(raw_data)
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile | None:
        assert self._file is not None
        self._file.seek(0)
        self._file.size = file_size
        self._file.sha256 = self._digest.hexdigest()
        return self._file

    def discard(self) -> None:
        """Remove what has arrived."""
        if self._file is not None:
            self._file.close()

    def _stop(self, refusal: ApiError) -> None:
        self.refusal = refusal
        raise StopUpload(connection_reset=True)


def _is_too_long(declared: int) -> bool:
    return declared > max_bytes() + _ENVELOPE_BYTES


def _too_slow(began: float, received: int) -> bool:
    waited = time.monotonic() - began
    return waited > _PATIENCE_S and received < _SLOWEST_BYTES_PER_S * waited


def _too_large() -> ApiError:
    return ApiError("file", "too_large", f"at most {max_bytes():,} bytes are taken", status=413)


def _cut_short(received: int, declared: int) -> ApiError:
    return ApiError("file", "cut_short", f"the upload ended after {received:,} of {declared:,} bytes: send it again")
