"""Handing a frozen release out: as a verified copy of its directory, or as one zip of its public files."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from benchmark_site.releases.models import Release, ReleaseFile
from evaluation.io.atomic import atomic_file
from evaluation.release import MANIFEST, PROVENANCE, SUMS, is_features
from evaluation.release.writer import make_place

CHUNK = 1 << 20
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same zip every time


class ExportError(Exception):
    """The copy was not made; the message says why. Nothing is left behind."""


def export(release: Release, target: Path, *, public: bool, advance: Callable[[int], None] = lambda n: None) -> None:
    """Copy a frozen release to a folder that does not exist yet, checking every hash on the way.

    `public` leaves the held-out truth out. `advance` is told the bytes copied. Raises ExportError.
    """
    if release.state != Release.State.FROZEN:
        raise ExportError(f"{release} is {release.get_state_display()}; only a frozen release is exported")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ExportError(f"{target} exists already; expected a folder that is new or empty")
    partial = target.with_name(target.name + ".partial")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise ExportError(f"{partial}: {error.strerror}") from error
    try:
        expected = {MANIFEST: release.sha256, **dict.fromkeys(_beside(release))}
        files = release.files.all()
        if public:
            files = files.filter(access=ReleaseFile.Access.PUBLIC)
        expected.update(files.values_list("path", "sha256"))
        for path, sha256 in expected.items():
            _copy(release.folder / path, make_place(partial, path), sha256, advance)
        if target.exists():
            target.rmdir()
        os.replace(partial, target)
    except OSError as error:
        raise ExportError(f"{error.filename}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _beside(release: Release) -> list[str]:
    """What lies in the folder and in no manifest; releases of earlier software have no sums."""
    return [path for path in (PROVENANCE, SUMS) if (release.folder / path).is_file()]


def _copy(source: Path, target: Path, sha256: str | None, advance: Callable[[int], None]) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(CHUNK):
            digest.update(chunk)
            write.write(chunk)
            advance(len(chunk))
    if sha256 is not None and digest.hexdigest() != sha256:
        raise ExportError(f"{source} has sha256 {digest.hexdigest()}, {sha256} was frozen: restore it from a copy")


def zip_of(release: Release) -> Path:
    """The zip of a frozen release's public files, below one folder; made where it is not there yet.

    It is kept, so that a download can be resumed: the same bytes every time. Whoever deletes it loses nothing.
    """
    path = Path(settings.MEDIA_ROOT) / "zips" / f"{release.folder_name}-{release.sha256[:12]}.zip"
    if not path.is_file():
        path.parent.mkdir(exist_ok=True)
        with atomic_file(path) as temporary:
            _write_zip(release, temporary)
    return path


def _write_zip(release: Release, target: Path) -> None:
    public = release.files.filter(access=ReleaseFile.Access.PUBLIC).values_list("path", flat=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (MANIFEST, *_beside(release), *public):
            entry = zipfile.ZipInfo(f"{release.folder_name}/{path}", ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_STORED if is_features(path) else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            source = release.folder / path
            entry.file_size = source.stat().st_size  # lets the writer choose zip64 where it is needed
            with source.open("rb") as read, archive.open(entry, "w") as write:
                shutil.copyfileobj(read, write, CHUNK)
