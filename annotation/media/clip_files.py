"""Serving clip files: signed addresses that end, and the byte ranges without which a browser cannot seek.

An address names one file of the clip: who has that of the silent one cannot make that of the one with sound from it.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.core import signing
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from annotation.media.ranges import ranged
from annotation.models import Clip

SALT = "annotation.clip"
LIFETIME = timedelta(days=1)


class Part(StrEnum):
    """The files of a clip that a browser may be given."""

    FILE = "file"
    SILENT = "silent"  # without the narration: no track of sound is in it
    POSTER = "poster"
    STRIP = "strip"
    WAVEFORM = "waveform"  # tells when somebody speaks: for no page that hides the narration


TYPES = {
    Part.FILE: "video/mp4",
    Part.SILENT: "video/mp4",
    Part.POSTER: "image/jpeg",
    Part.STRIP: "image/jpeg",
    Part.WAVEFORM: "image/svg+xml",
}
_ROUTES = {"video/mp4": "clip-file", "image/jpeg": "clip-still", "image/svg+xml": "clip-waveform"}


def clip_url(clip: Clip, part: Part = Part.FILE) -> str:
    """An address of one of the clip's files that works for a day."""
    token = signing.dumps([clip.pk, part], salt=SALT)
    return reverse(_ROUTES[TYPES[part]], args=[token])


def clip_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """A file of a clip, whole (200) or the range asked for (206)."""
    stored, kind = _find(token)
    if settings.X_ACCEL_PREFIX:  # nginx reads the file, and knows ranges by itself
        return HttpResponse(
            headers={"X-Accel-Redirect": f"{settings.X_ACCEL_PREFIX}/{stored.name}", "Content-Type": kind}
        )
    response = ranged(request, stored.open("rb").file, stored.size, kind=kind)
    response["Cache-Control"] = "private, max-age=86400"
    return response


def _find(token: str) -> tuple[FieldFile, str]:
    """The file that the token names, and its type. Raises Http404."""
    try:
        pk, part = signing.loads(token, salt=SALT, max_age=LIFETIME)
    except (signing.BadSignature, TypeError) as error:
        raise Http404("this address of a clip is over or not ours") from error
    clip = Clip.objects.filter(pk=pk).first()
    stored = getattr(clip, Part(part), None)
    if not stored:
        raise Http404("no such file of a clip")
    return stored, TYPES[Part(part)]
