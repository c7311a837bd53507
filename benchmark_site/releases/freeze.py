"""Last step of a build: write the directory beside its place, read it back as a stranger, move it, freeze."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
from importlib.metadata import version
from pathlib import Path

from django.utils import timezone

from benchmark_site.releases.claims import held
from benchmark_site.releases.files import PROVENANCE, write_files, write_manifest
from benchmark_site.releases.models import Release, ReleaseFile, Split

RECORDED_VERSIONS = ("numpy", "scipy", "scikit-learn", "sentence-transformers", "torch", "safetensors")


def write_and_freeze(release_id: int, token: str) -> None:
    """Move the finished directory into place and freeze the release in one transaction. Raises Refused."""
    release = Release.objects.get(pk=release_id)
    parent = release.folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    # The token keeps a worker that lost its claim out of the folder of the one that took over.
    partial = parent / f".{release.folder_name}.{token}.partial"
    partial.mkdir()
    try:
        files = write_files(partial, release)
        sha256 = write_manifest(partial, release, files)
        _write_provenance(partial, release)
        _read_back(partial)
        with held(release_id, token) as release:
            _move(partial, release.folder)
            ReleaseFile.objects.bulk_create(ReleaseFile(release=release, **file.__dict__) for file in files)
            Release.objects.filter(pk=release_id).update(
                state=Release.State.FROZEN,
                step=Release.Step.DONE,
                reason="",
                claimed_by="",
                sha256=sha256,
                frozen_at=timezone.now(),
            )
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for left_over in parent.glob(f".{release.folder_name}.*.partial"):  # of workers that were killed
        shutil.rmtree(left_over, ignore_errors=True)


def _move(partial: Path, final: Path) -> None:
    """Rename, in the place of what an attempt killed between rename and commit may have left."""
    if final.exists():
        shutil.rmtree(final)
    os.replace(partial, final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_back(folder: Path) -> None:
    """Read every file with the reader that trainers and scorers use. Raises its ReleaseError."""
    from evaluation.release import Release as Reader

    reader = Reader.open(folder)
    reader.verify()
    reader.subtitles()
    for split in Split.values:
        reader.videos(split)
        if "moment" in reader.tasks:
            reader.moments(split)
            reader.moments(split, truth=False)
        if "qa" in reader.tasks:
            reader.questions(split)
            reader.questions(split, truth=False)


def _write_provenance(folder: Path, release: Release) -> None:
    provenance = {
        "built_at": timezone.now().isoformat(timespec="seconds"),
        "requested_at": release.created_at.isoformat(timespec="seconds"),
        "attempt": release.attempt,
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in RECORDED_VERSIONS},
    }
    text = json.dumps(provenance, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (folder / PROVENANCE).write_text(text, encoding="utf-8")
