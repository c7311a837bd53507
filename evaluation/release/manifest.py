"""The files of a release directory, as its manifests list them: what is not listed is not read."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Self

from evaluation.io.errors import opening
from evaluation.io.jsonl import decode_json, read_bounded
from evaluation.release.files import MAX_JSON_BYTES, check_file, read_json
from evaluation.release.names import FORMATS, HELD_OUT, HELD_OUT_MANIFEST, MANIFEST, PROVENANCE, SUMS, is_held_out
from evaluation.release.schema import Access, HeldOutManifest, Hidden, Manifest, ManifestFile, ReleaseError

UNLISTED = (MANIFEST, PROVENANCE, SUMS)  # what a release holds beside the files that its manifest lists


class ReleaseFolder:
    """An opened release directory: its manifests, and its files by their entries."""

    def __init__(self, root: Path, manifest: Manifest, manifest_sha256: str) -> None:
        self.root = root
        self.manifest = manifest
        self.manifest_sha256 = manifest_sha256
        self._listed = entries_by_path(root / MANIFEST, manifest.files)
        self._verified: set[str] = set()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read MANIFEST.json of the folder `path`. Raises ReleaseError."""
        root = Path(path)
        manifest_path = root / MANIFEST
        if not root.is_dir():
            raise ReleaseError(f"{root}: no such folder; expected a release directory")
        raw = read_bounded(manifest_path, MAX_JSON_BYTES, ReleaseError)
        manifest = decode_json(raw, manifest_path, Manifest, ReleaseError)
        if manifest.format not in FORMATS:
            raise ReleaseError(
                f"{manifest_path}: format is {manifest.format!r}, expected {' or '.join(map(repr, FORMATS))}"
            )
        folder = cls(root, manifest, hashlib.sha256(raw).hexdigest())
        folder._check_version()
        return folder

    def _check_version(self) -> None:
        path = self.root / MANIFEST
        if (self.manifest.hidden is None) != (self.format_version == 1):
            raise ReleaseError(f"{path}: expected hidden to be 'sealed' or 'shared' in version 2, and in no other")
        for entry in self.files("held_out") if self.format_version > 1 else ():
            if entry.path != HELD_OUT_MANIFEST:  # its hash would tell the truth to whoever tries all answers
                raise ReleaseError(f"{path}: lists {entry.path}, expected no held-out file but {HELD_OUT_MANIFEST}")

    @property
    def format_version(self) -> int:
        """1 or 2."""
        return FORMATS[self.manifest.format]

    @property
    def hidden(self) -> Hidden:
        """How the hidden split was cut; in version 1 it is shared."""
        return self.manifest.hidden or "shared"

    def files(self, access: Access = "public") -> list[ManifestFile]:
        """Files of MANIFEST.json with this access: "public" or "held_out"."""
        return [entry for entry in self.manifest.files if entry.access == access]

    @cached_property
    def held_out(self) -> dict[str, ManifestFile]:
        """path -> entry of the held-out files that a manifest of this copy lists. Raises ReleaseError."""
        listed = {entry.path: entry for entry in self.files("held_out")}
        path = self.root / HELD_OUT_MANIFEST
        if HELD_OUT_MANIFEST not in listed or not path.is_file():
            return listed
        manifest = read_json(path, HeldOutManifest, listed[HELD_OUT_MANIFEST])
        inner = entries_by_path(path, manifest.files)
        for entry in inner.values():
            if entry.access != "held_out":
                raise ReleaseError(f"{path}: lists {entry.path} as {entry.access}, expected held-out files alone")
        return listed | inner

    @property
    def has_held_out(self) -> bool:
        """True where this copy holds every held-out file, so that `test` can be scored."""
        return bool(self.held_out) and all((self.root / path).is_file() for path in self.held_out)

    @property
    def is_public_copy(self) -> bool:
        """True where nothing held out lies in the folder."""
        return not (self.root / HELD_OUT).exists()

    def entries(self) -> list[ManifestFile]:
        """Every file that must be in this copy. Raises ReleaseError where the held-out ones cannot be known."""
        return self.files() + ([] if self.is_public_copy else list(self.held_out.values()))

    def entry(self, path: str) -> ManifestFile:
        """The entry of a file. Raises ReleaseError where no manifest lists it."""
        entry = self.held_out.get(path) if is_held_out(path) else self._listed.get(path)
        if entry is None:
            raise ReleaseError(f"{self.root / path}: {MANIFEST} does not list it, so it is not read")
        return entry

    def verified(self, entry: ManifestFile) -> Path:
        """The file's path, once size and sha256 were compared; once a file and opened folder. Raises ReleaseError."""
        path = self.root / entry.path
        if entry.path not in self._verified:
            with opening(path, ReleaseError), path.open("rb") as file:
                check_file(file, path, entry)
            self._verified.add(entry.path)
        return path

    def verify(self) -> None:
        """Compare every file that must be in this copy. Raises ReleaseError at the first that differs."""
        for entry in self.entries():
            self.verified(entry)

    def unlisted(self) -> Iterator[str]:
        """Paths of the files that no manifest lists, sorted."""
        known = {*UNLISTED, *self._listed, *self.held_out}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if name not in known and (path.is_symlink() or not path.is_dir()):
                yield name


def sums(files: Iterable[ManifestFile], manifest_sha256: str) -> str:
    """SHA256SUMS: every public file and the manifest, for `sha256sum -c`, in a full copy and in a public one."""
    named = {MANIFEST: manifest_sha256, **{file.path: file.sha256 for file in files if file.access == "public"}}
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(named.items()))


def entries_by_path(manifest: Path, files: list[ManifestFile]) -> dict[str, ManifestFile]:
    """path -> entry. Raises ReleaseError for a path that leads out, comes twice, or has the access of another place."""
    entries: dict[str, ManifestFile] = {}
    for entry in files:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or not path.parts or ".." in path.parts or str(path) != entry.path:
            raise ReleaseError(f"{manifest}: path {entry.path!r} leads out of the release, or is not written plainly")
        if (path.parts[0] == HELD_OUT) != (entry.access == "held_out"):
            raise ReleaseError(f"{manifest}: {entry.path} is {entry.access}, expected held_out below {HELD_OUT}/ alone")
        if entry.path in entries:
            raise ReleaseError(f"{manifest}: {entry.path} a second time")
        entries[entry.path] = entry
    return entries
