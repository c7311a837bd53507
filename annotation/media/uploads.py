"""Films that come by the page: kept piece by piece until they are whole, then taken in as `import_videos` does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path, PurePath
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from annotation.media import videos
from annotation.media.import_list import FILMS, Wanted, public_id
from annotation.media.subtitle_sources import SUFFIXES, Folders
from annotation.media.videos import VideoRefused
from annotation.models import Upload
from benchmark_site.tus.partial import remove, remove_unknown

LARGEST_SUBTITLES = 64 * 2**20  # what the reader of subtitles takes
LONGEST_NAME = 200  # bytes: file systems take 255
STALLED_S = 60  # a whole film that nobody has taken in by then is the sweeper's
Told = dict[str, str]


class UploadRefused(ValueError):
    """The file is not wanted; the message says why."""


def begin(owner: User, name: str, size: int, about: dict[str, str], subtitles: Iterable[UUID]) -> Upload:
    """Room for a film, which takes the owner's `subtitles` along, or for a file of subtitles. Raises UploadRefused."""
    name = PurePath(name).name
    if "\0" in name or len(name.encode()) > LONGEST_NAME:
        raise UploadRefused(f"a name of at most {LONGEST_NAME} bytes was expected")
    suffix, limit = PurePath(name).suffix.lower(), settings.INGEST_MAX_BYTES
    if suffix in SUFFIXES:
        limit = LARGEST_SUBTITLES
    elif suffix not in FILMS:
        raise UploadRefused("not a film by its name")
    if size > limit:
        raise UploadRefused(f"larger than {limit / 2**30:g} GiB")
    if size <= 0:
        raise UploadRefused("an empty file")
    wanted = set(subtitles)
    with transaction.atomic():
        upload = Upload.objects.create(owner=owner, name=name, size=size, about=about)
        theirs = Upload.objects.filter(pk__in=wanted, owner=owner, film=None, offset=F("size"))
        if theirs.update(film=upload) != len(wanted):
            raise UploadRefused("its subtitles are not here: send them anew")
    return upload


@transaction.atomic
def finish(pk: UUID) -> None:
    """Take a film in that is whole; once, however often it is asked for. Subtitles wait for their film."""
    whole = Upload.objects.filter(pk=pk, result__isnull=True, offset=F("size")).select_for_update(skip_locked=True)
    upload = whole.first()
    if upload is None or PurePath(upload.name).suffix.lower() in SUFFIXES:
        return
    files = [upload, *upload.subtitles.all()]
    upload.result = take_named({file.name: file.part for file in files}, upload.about, ours=True)
    upload.save(update_fields=["result", "touched_at"])
    parts = [file.part for file in files]
    upload.subtitles.all().delete()
    transaction.on_commit(lambda: remove(parts))


def discard(upload: Upload) -> None:
    """Forget an upload and what has come of it."""
    parts = [file.part for file in (upload, *upload.subtitles.all())]
    with transaction.atomic():
        upload.delete()
        transaction.on_commit(lambda: remove(parts))


def sweep() -> None:
    """Take in what is whole and was left there, forget what has expired, remove parts that no row knows."""
    whole = Upload.objects.filter(result__isnull=True, offset=F("size"))
    for pk in whole.filter(touched_at__lt=Now() - timedelta(seconds=STALLED_S)).values_list("pk", flat=True):
        finish(pk)
    for upload in Upload.objects.filter(touched_at__lt=Now() - timedelta(days=settings.UPLOAD_EXPIRES_DAYS)):
        discard(upload)
    remove_unknown(Upload)


def take_named(files: Mapping[str, Path], about: dict[str, str], *, ours: bool = False) -> list[Told]:
    """Take films in, each with the subtitles of its name; say of each, and of each file left over, what became of it.

    `ours`: the films are the platform's own, and need not be copied.
    """
    with tempfile.TemporaryDirectory() as scratch:
        stored = [_named(Path(scratch) / name, path) for name, path in files.items()]
        films = [path for path in stored if path.suffix.lower() not in SUFFIXES]
        folders = Folders()
        pairs = [(film, folders.beside(film)) for film in films]
        told = [_take(Wanted(film, public_id(film.stem), subtitles=found), about, ours) for film, found in pairs]
        for left in sorted(set(stored) - set(films) - {found for _, found in pairs}):
            known = any(left.name.startswith(f"{film.stem}.") for film in films)
            reason = "not those that are read (docs/subtitles.md)" if known else "no film of this name came with it"
            told.append({"name": left.name, "word": "refused", "reason": reason})
        return told


def _named(link: Path, path: Path) -> Path:
    """The file under the name that its owner gave it."""
    link.symlink_to(path)
    return link


def _take(film: Wanted, about: dict[str, str], ours: bool) -> Told:
    from annotation.media.subtitles import SubtitleError  # loads the decoders' library

    name = film.file.name
    if film.file.suffix.lower() not in FILMS:
        return {"name": name, "word": "refused", "reason": "not a film by its name"}
    try:
        video, new = videos.take(film, ours=ours, **about)
    except (VideoRefused, SubtitleError, OSError) as error:
        return {"name": name, "word": "refused", "reason": str(error)}
    return {"name": name, "word": "taken" if new else "known", "reason": f"as “{video.public_id}”"}
