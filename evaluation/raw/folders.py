"""A folder of frame features as the field lays it out: an npz file a video, or one LMDB database."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from evaluation.forms.records import FormError
from evaluation.io.errors import opening, refusing
from evaluation.raw.arrays import ArrayFault, read_msgpack, read_npz
from evaluation.release.features import Vectors
from evaluation.release.files import read_json

NPZ = ".npz"
DATABASE = "data.mdb"  # LMDB's name of the file in its folder
COUNTS = "id2nframe.json"  # beside the database's folder: how many frames of each video count
_ZIP = b"PK\x03\x04"


class FeatureFolder(Protocol):
    """The features that one model gave of many videos."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    def read(self, name: str) -> Vectors:
        """float32 [frames, dim] of a video. Raises ArrayFault, also where it is not there."""


@contextmanager
def open_folder(path: Path) -> Iterator[FeatureFolder]:
    """The folder by its layout, open within the block. Raises FormError."""
    if not path.is_dir():
        raise FormError(f"{path}: no such folder, expected one of {NPZ} files or an LMDB database")
    found = [place for place in (path, *sorted(path.iterdir())) if (place / DATABASE).is_file()]
    if len(found) > 1:
        raise FormError(f"{path}: holds {len(found)} databases, name one: {', '.join(map(str, found))}")
    if not found:
        yield NpzFolder.open(path)
        return
    with _environment(found[0]) as environment:
        counts = found[0].parent / COUNTS
        yield Database(found[0], environment, read_json(counts, dict[str, int]) if counts.is_file() else {})


@dataclass(frozen=True)
class NpzFolder:
    """A file VIDEO.npz for each video, at any depth."""

    path: Path
    files: Mapping[str, Path]

    @classmethod
    def open(cls, path: Path) -> "NpzFolder":
        """Raises FormError where there is none, or a video has two."""
        files: dict[str, Path] = {}
        for file in sorted(path.rglob(f"*{NPZ}")):
            name = file.name.removesuffix(NPZ)
            if name in files:
                raise FormError(f"{path}: two files of video {name!r}, {files[name]} and {file}")
            files[name] = file
        if not files:
            raise FormError(f"{path}: no {NPZ} file in it and no {DATABASE}, expected the features of videos")
        return cls(path, files)

    def read(self, name: str) -> Vectors:
        """As FeatureFolder says."""
        if name not in self.files:
            raise ArrayFault(f"{name}{NPZ} is not there")
        file = self.files[name]
        with opening(file, ArrayFault), file.open("rb") as raw:
            try:
                return read_npz(raw)
            except ArrayFault as fault:
                raise ArrayFault(f"{file.name} {fault}") from fault


@dataclass(frozen=True)
class Database:
    """An LMDB database: a value for each video, msgpack or, as the authors compress it, the bytes of an npz file."""

    path: Path
    environment: Any
    counts: Mapping[str, int]

    def read(self, name: str) -> Vectors:
        """As FeatureFolder says; of a video that the counts name so many frames."""
        with refusing(f"{name} cannot be looked up", ArrayFault), self.environment.begin() as transaction:
            raw = transaction.get(name.encode())
        if raw is None:
            raise ArrayFault(f"{name} is not in {DATABASE}")
        try:
            vectors = read_npz(io.BytesIO(raw)) if raw.startswith(_ZIP) else read_msgpack(raw)
        except ArrayFault as fault:
            raise ArrayFault(f"{name} {fault}") from fault
        return vectors[: max(self.counts.get(name, len(vectors)), 0)]


@contextmanager
def _environment(path: Path) -> Iterator[Any]:
    """Raises FormError, also where the package that reads it is not installed."""
    try:
        import lmdb
    except ImportError as error:
        raise FormError(f"{path}: an LMDB database is read by the package lmdb: pip install lmdb") from error
    with refusing(f"{path / DATABASE}: no readable LMDB database", FormError):
        environment = lmdb.open(str(path), readonly=True, create=False, lock=False, readahead=False)
    with environment:
        size = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if (path / DATABASE).stat().st_size < size:  # to read on would kill the process
            raise FormError(f"{path / DATABASE}: breaks off, expected {size} bytes")
        yield environment
