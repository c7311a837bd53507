"""Films in the platform's storage: taken in once, under their hash; cancelled and tried again by people.

Loads no decoder, so the web process may use it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from annotation.media.attach import attach, read_for_video
from annotation.media.import_list import Wanted
from annotation.media.texts import unstorable
from annotation.models import Video
from annotation.task_names import INGEST_VIDEO
from benchmark_site.jobs.enqueue import enqueue

LONGEST_SUFFIX = 8


class VideoRefused(ValueError):
    """The film is not taken in, or not cancelled or tried again; the message says why."""


def take(
    film: Wanted, *, source: str = "", licence: str = "", language: str = "", ours: bool = False
) -> tuple[Video, bool]:
    """Store a film and queue its ingest: (video, True). One whose content is known stays as it is: (video, False).

    `source`, `licence` and `language` count where the film itself does not say. A file that is `ours`, which nobody
    else writes to and which lies in our storage, is not copied. Raises VideoRefused, and SubtitleError where the
    subtitle file cannot be read; then nothing is stored.
    """
    path, public_id = film.file, film.public_id
    about = {
        "public_id": public_id,
        "title": film.title,
        "source": film.source or source,
        "licence": film.licence or licence,
        "language": film.language or language,
    }
    _refuse_unstorable(about)
    if path.exists() and not path.is_file():  # to read a pipe is to wait for whoever writes to it
        raise VideoRefused(f"{path.name}: not a regular file")
    digest = sha256(path)
    known = _known(public_id, digest)
    if known is not None:
        return known, False
    if path.stat().st_size > settings.INGEST_MAX_BYTES:
        raise VideoRefused(f"{path.name} is larger than {settings.INGEST_MAX_BYTES / 2**30:g} GiB (INGEST_MAX_BYTES)")
    video = Video(**about, sha256=digest)
    try:
        _save(video, path, film.subtitles, link=ours)
    except IntegrityError:  # somebody else has just brought the same film, or one of the same id
        known = _known(public_id, digest)
        if known is None:
            raise
        return known, False
    return video, True


def cancel(pk: int, who: str) -> None:
    """Stop an ingest that waits or runs. Raises VideoRefused where there is none."""
    waiting = Video.objects.filter(Video.unfinished(), pk=pk)
    if not waiting.update(state=Video.State.FAILED, error=f"cancelled by {who}", claimed_by=""):
        raise VideoRefused("its ingest is over")


def retry(pk: int) -> None:
    """Ingest a failed film again. Raises VideoRefused where it has not failed."""
    failed = Video.objects.filter(pk=pk, state=Video.State.FAILED).exclude(file="")
    with transaction.atomic():
        if not failed.update(state=Video.State.WAITING, error="", notes="", claimed_by="", attempt=0, progress=0.0):
            raise VideoRefused("only a film whose ingest has failed is tried again")
        enqueue(INGEST_VIDEO, video_id=pk)


def put(path: Path, name: str, *, link: bool = False) -> str:
    """Store a file whole under this name; one of the same size that is there already is taken for it.

    `link`: by a second name for the same bytes, which must lie in the storage.
    """
    if default_storage.exists(name):
        if default_storage.size(name) == path.stat().st_size:
            return name
        default_storage.delete(name)  # a worker died while it wrote this one
    if link:
        stored = Path(default_storage.path(name))
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.hardlink_to(path.resolve())
        return name
    with path.open("rb") as handle:
        return default_storage.save(name, File(handle))


def put_by_content(path: Path, folder: str) -> str:
    """Store a file under the hash of its content, once; return its name in storage."""
    return put(path, f"{folder}/{sha256(path)}{path.suffix}")


def sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _refuse_unstorable(about: dict[str, str]) -> None:
    for name, text in about.items():
        if fault := unstorable(text):
            raise VideoRefused(f"{name}: {fault}")


def _known(public_id: str, digest: str) -> Video | None:
    """The video of this content. Raises VideoRefused where another one has the id."""
    found = Video.objects.filter(sha256=digest).first() or Video.objects.filter(public_id=public_id).first()
    if found is not None and found.sha256 != digest:
        raise VideoRefused(f"the id “{public_id}” is taken by another film")
    return found


def _save(video: Video, path: Path, subtitles: Path | None, *, link: bool) -> None:
    """File, rows and message together. Raises VideoRefused, SubtitleError, IntegrityError."""
    track = read_for_video(subtitles, video=video.public_id) if subtitles is not None else None
    try:
        video.full_clean()
    except ValidationError as error:
        told = (f"{field}: {' '.join(words)}" for field, words in error.message_dict.items())
        raise VideoRefused("; ".join(told)) from error
    name = f"videos/{video.public_id}-{(video.sha256 or '')[:8]}{path.suffix.lower()[:LONGEST_SUFFIX]}"
    with transaction.atomic():
        video.file.name = put(path, name, link=link)
        video.save()
        if track is not None and subtitles is not None:
            attach(video, track, subtitles.name)
        enqueue(INGEST_VIDEO, video_id=video.pk)
