"""Serving clip files: signed addresses that end, and the byte ranges without which a browser cannot seek."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import IO

from django.conf import settings
from django.core import signing
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse

from annotation.models import Clip

SALT = "annotation.clip"
LIFETIME = timedelta(days=1)
CHUNK = 64 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


def clip_url(clip: Clip) -> str:
    """An address of the clip's file that works for a day."""
    return reverse("clip-file", args=[signing.dumps(clip.pk, salt=SALT)])


def clip_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """The clip, whole (200) or the range asked for (206)."""
    try:
        pk = signing.loads(token, salt=SALT, max_age=LIFETIME)
    except signing.BadSignature as error:
        raise Http404("this address of a clip is over or not ours") from error
    clip = Clip.objects.filter(pk=pk).exclude(file="").first()
    if clip is None:
        raise Http404("no such clip")
    if settings.X_ACCEL_PREFIX:  # nginx reads the file, and knows ranges by itself
        return HttpResponse(
            headers={"X-Accel-Redirect": f"{settings.X_ACCEL_PREFIX}/{clip.file.name}", "Content-Type": "video/mp4"}
        )
    handle, size = clip.file.open("rb").file, clip.file.size
    wanted = _RANGE.match(request.headers.get("Range", ""))
    response: HttpResponseBase
    if wanted is None or wanted.groups() == ("", ""):
        response = FileResponse(handle, content_type="video/mp4")
    else:
        first, last = _bounds(wanted.group(1), wanted.group(2), size)
        if first > last:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        response = StreamingHttpResponse(_read(handle, first, last - first + 1), status=206, content_type="video/mp4")
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
        response["Content-Length"] = str(last - first + 1)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, max-age=86400"
    return response


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:  # the last N bytes
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _read(handle: IO[bytes], first: int, length: int) -> Iterator[bytes]:
    with handle:
        handle.seek(first)
        while length > 0 and (chunk := handle.read(min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
