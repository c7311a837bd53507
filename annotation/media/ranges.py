"""A file of the disk over HTTP: whole, one range of it (206), or nothing where the reader has it already (304)."""

from __future__ import annotations

import io
import re
from typing import BinaryIO, cast

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


def ranged(
    request: HttpRequest, handle: BinaryIO, size: int, *, kind: str, etag: str = "", attachment: str = ""
) -> HttpResponseBase:
    """The answer for an open file of `size` bytes, which it closes.

    `etag` is the strong one with its quotes: a range is only given where If-Range names it or is not sent. `attachment`
    names the file where it is to be saved.
    """
    if etag and (known := get_conditional_response(request, etag=etag)) is not None:
        handle.close()
        known["ETag"] = etag
        return known
    bounds = _bounds(request, size, etag)
    response: HttpResponseBase
    if bounds is None:
        response = FileResponse(handle, content_type=kind)
    elif bounds[0] > bounds[1]:
        handle.close()
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    else:
        first, last = bounds
        part = _Part(handle, first, last - first + 1)
        response = FileResponse(cast(BinaryIO, part), content_type=kind, status=206)
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
        response["Content-Length"] = str(last - first + 1)
    response["Accept-Ranges"] = "bytes"
    if etag:
        response["ETag"] = etag
    if attachment:
        response["Content-Disposition"] = f'attachment; filename="{attachment}"'
    return response


def _bounds(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte that are asked for; None: all of them.

    Several ranges at once, and what is no range, as one that ends before it begins, are answered with the whole.
    """
    wanted = _RANGE.fullmatch(request.headers.get("Range", "").strip()) if request.method != "HEAD" else None
    if wanted is None or wanted.groups() == ("", "") or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = wanted.groups()
    if not first:  # the last N bytes
        return max(size - int(last), 0), size - 1
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1


class _Part(io.RawIOBase):
    """A window of a file, as a file of its own: so the web server reads it from the disk, at the reader's pace."""

    def __init__(self, handle: BinaryIO, first: int, length: int) -> None:
        self._handle, self._first, self._length, self._at = handle, first, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence], 0)
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(self._length - self._at, 0)
        self._handle.seek(self._first + self._at)
        data = self._handle.read(left if size is None or size < 0 else min(size, left))
        self._at += len(data)
        return data

    def close(self) -> None:
        self._handle.close()
        super().close()
