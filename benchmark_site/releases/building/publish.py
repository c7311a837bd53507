"""The last steps of a build: write the directory beside its place, attack it, read it back as a stranger, freeze it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from django.db import connection
from django.utils import timezone

from benchmark_site.jobs.leases import locked
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.files.companions import write_companions
from benchmark_site.releases.files.export import zip_of
from benchmark_site.releases.files.writer import write_files, write_manifests
from benchmark_site.releases.models import Release, ReleaseFile, Split
from evaluation.release import PROVENANCE, ManifestFile

RECORDED_VERSIONS = ("numpy", "scipy", "scikit-learn", "sentence-transformers", "torch", "safetensors")


def audit_leaks(lease: Release) -> None:
    """Attack the files as a participant gets them. Raises BuildError where an attack gains something."""
    from adversarial import audit_release
    from benchmark_site.releases.building.match_shards import forget, known_texts

    release = Release.objects.get(pk=lease.pk)
    with _partial_folder(lease) as partial:
        files = write_files(partial, release)
        write_manifests(partial, release, files)
        report = audit_release(partial, seed=release.seed, known=known_texts(lease.pk))
    with locked(lease) as release:
        release.leaks = report | {"files_sha256": files_digest(files)}
        release.step = Release.Step.AUDIT if release.leaking() else Release.Step.WRITE
        release.save(update_fields=["leaks", "step"])
    forget(lease.pk)
    if release.leaking():
        raise BuildError(
            f"leak audit: {', '.join(release.leaking())}: the files give hidden truth away; mend the items, or answer "
            "for it with a reason that everybody reads"
        )


def publish(lease: Release) -> None:
    """Move the finished directory into place and freeze the release in one transaction. Raises BuildError."""
    release = Release.objects.get(pk=lease.pk)
    with _partial_folder(lease) as partial:
        files = write_files(partial, release)
        if files_digest(files) != release.leaks.get("files_sha256"):
            raise BuildError("the files are no longer those that the leak audit saw (did a feature file change?)")
        files += write_companions(partial, release, files)
        held_out, sha256 = write_manifests(partial, release, files)
        _write_provenance(partial, release)
        _read_back(partial)
        with locked(lease) as release, connection.cursor() as cursor:
            # Two releases that freeze at once must not both think that the other is not there.
            cursor.execute("LOCK TABLE releases_sealedclip IN SHARE ROW EXCLUSIVE MODE")
            if Release.objects.filter(state=Release.State.FROZEN).count() != release.frozen_before:
                _start_over(release)
                return
            _move(partial, release.folder)
            ReleaseFile.objects.bulk_create(
                ReleaseFile(release=release, **file.__dict__) for file in [*files, held_out]
            )
            Release.objects.filter(pk=lease.pk).update(
                state=Release.State.FROZEN,
                step=Release.Step.DONE,
                reason="",
                claimed_by="",
                sha256=sha256,
                frozen_at=timezone.now(),
            )
    zip_of(Release.objects.get(pk=lease.pk))
    for left_over in release.folder.parent.glob(f".{release.folder_name}.*.partial"):  # of workers that were killed
        shutil.rmtree(left_over, ignore_errors=True)


def _start_over(release: Release) -> None:
    """Another release was frozen since the snapshot: what it told and lent must be known to this one.

    Both would otherwise publish the same hidden questions with other options, and what differs is wrong.
    """
    release.waivers.all().delete()
    release.step, release.leaks, release.matching, release.blind = Release.Step.COLLECT, {}, {}, {}
    release.save(update_fields=["step", "leaks", "matching", "blind"])


@contextmanager
def _partial_folder(lease: Release) -> Iterator[Path]:
    """A folder beside the release's place; the token keeps a worker that lost its lease out of its follower's."""
    partial = lease.folder.parent / f".{lease.folder_name}.{lease.claimed_by}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def files_digest(files: Sequence[ManifestFile]) -> str:
    """One hash over what the audit saw: every file but card and manifests."""
    return hashlib.sha256(json.dumps([(file.path, file.sha256) for file in files]).encode()).hexdigest()


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
        for task, read in (("moment", reader.moments), ("qa", reader.questions)):
            if task in reader.tasks:
                reader.videos(split, task)
                read(split)
                read(split, truth=False)
    for task in reader.tasks:
        reader.reserve(task)
    reader.difficulty()
    reader.lent()
    reader.halves()


def _write_provenance(folder: Path, release: Release) -> None:
    provenance = {
        "built_at": timezone.now().isoformat(timespec="seconds"),
        "requested_at": release.created_at.isoformat(timespec="seconds"),
        "attempt": release.attempt,
        "platform": f"{platform.system()} {platform.machine()}",  # no more: everybody may read it
        "python": platform.python_version(),
        "packages": {name: version(name) for name in RECORDED_VERSIONS},
    }
    text = json.dumps(provenance, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (folder / PROVENANCE).write_text(text, encoding="utf-8")
