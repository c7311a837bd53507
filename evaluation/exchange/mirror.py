"""A copy of a release's public files in another folder: what is there and right already is not copied again."""

import filecmp
import shutil
from pathlib import Path

from evaluation.io.atomic import atomic_file, remove_leftovers
from evaluation.io.errors import opening
from evaluation.release import MANIFEST, PROVENANCE, SUMS, Release, ReleaseError
from evaluation.release.files import check_file
from evaluation.release.schema import ManifestFile


def mirror(source: Release, target: Path) -> list[str]:
    """Copy what the target lacks or has otherwise; the paths that were copied. Nothing held out goes along.

    The manifest comes last, so a copy that was cut off is no release until it is finished; what a run that was killed
    left beside it is deleted. Raises ReleaseError where
    the target holds another release, or a file that differs from its hash, and OSError.
    """
    _refuse_another(source, target)
    target.mkdir(parents=True, exist_ok=True)
    for path in (*(entry.path for entry in source.files()), PROVENANCE, SUMS, MANIFEST):
        remove_leftovers(target / path)
    copied = [entry.path for entry in source.files() if not _is_there(target, entry)]
    for path in copied:
        _copy(source.verified(source.entry(path)), target, path)
    for path in (PROVENANCE, SUMS, MANIFEST):
        beside = source.root / path
        if beside.is_file() and not _is_same(beside, target / path):
            _copy(beside, target, path)
            copied.append(path)
    return copied


def _refuse_another(source: Release, target: Path) -> None:
    if (target / MANIFEST).is_file():
        found = Release.open(target)
        if found.manifest_sha256 != source.manifest_sha256:
            raise ReleaseError(f"{target}: holds {found.name} {found.version} of another hash, expected a new folder")
    elif target.exists() and not target.is_dir():
        raise ReleaseError(f"{target}: is no folder")


def _is_there(target: Path, entry: ManifestFile) -> bool:
    path = target / entry.path
    if not path.is_file():
        return False
    try:
        with opening(path, ReleaseError), path.open("rb") as file:
            check_file(file, path, entry)
    except ReleaseError:
        return False
    return True


def _is_same(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def _copy(source: Path, target: Path, path: str) -> None:
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target / path) as temporary:
        shutil.copyfile(source, temporary)
