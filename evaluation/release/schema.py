"""The rows of a release's files, typed, and the reading of them: every error names file and line.

A file that a manifest lists is decoded from the very bytes that were hashed, and only once the hash is right.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, ClassVar, Literal, TypeVar

import msgspec

MAX_MANIFEST_BYTES = 64 << 20
MAX_LINE_BYTES = 16 << 20


class ReleaseError(Exception):
    """A release, or a ground-truth file, cannot be read; the message names file, line and what was expected."""


class ManifestFile(msgspec.Struct, frozen=True):
    """One file of the release."""

    path: str
    bytes: int
    sha256: str
    rows: int | None
    access: Literal["public", "held_out"]


class Manifest(msgspec.Struct, frozen=True):
    """MANIFEST.json; version 1 does not say how the hidden split was cut."""

    format: str
    name: str
    version: str
    seed: int
    files: list[ManifestFile]
    hidden: Literal["sealed", "shared"] | None = None


class HeldOutManifest(msgspec.Struct, frozen=True):
    """held_out/MANIFEST.json; the nonce keeps its hash, which is public, from telling what the truth is."""

    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    files: list[ManifestFile]


class MomentRow(msgspec.Struct, frozen=True):
    """One line of moment/tvr/*.jsonl; on the public test split everything but desc, desc_id and type is None."""

    withheld: ClassVar[tuple[str, ...]] = ()

    desc_id: int
    desc: str
    type: Literal["v", "t", "vt"] | None = None
    vid_name: str | None = None
    duration: float | None = None
    ts: tuple[float, float] | None = None


class PublicMomentRow(MomentRow, frozen=True, forbid_unknown_fields=True):
    """The same on the public test split."""

    withheld = ("vid_name", "duration", "ts")


class QuestionRow(msgspec.Struct, frozen=True):
    """One line of qa/value/*.jsonl; `ts` is "start-end"; on the public test split it and `answer_idx` are None."""

    withheld: ClassVar[tuple[str, ...]] = ()

    qid: int
    vid_name: str
    q: str
    a0: str
    a1: str
    a2: str
    a3: str
    ts: str | None = None
    answer_idx: int | None = None


class PublicQuestionRow(QuestionRow, frozen=True, forbid_unknown_fields=True):
    """The same on the public test split."""

    withheld = ("ts", "answer_idx")


class SubtitleLine(msgspec.Struct, frozen=True):
    """One subtitle; times in seconds relative to the clip."""

    text: str
    start: float
    end: float


class SubtitleRow(msgspec.Struct, frozen=True):
    """One line of subtitles.jsonl."""

    vid_name: str
    sub: list[SubtitleLine]


Row = TypeVar("Row")


def read_lines(path: Path, kind: type[Row], entry: ManifestFile | None = None) -> Iterator[tuple[int, Row]]:
    """(line number from 1, typed row) of a jsonl file; blank lines are passed over. Raises ReleaseError.

    With an entry nothing is decoded unless the file is the one that the manifest lists.
    """
    decoder = msgspec.json.Decoder(kind)
    with naming(path), io.BytesIO(read_listed(path, entry)) if entry else path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise ReleaseError(f"{path}:{number}: line longer than {MAX_LINE_BYTES} bytes")
            if line.strip():
                try:
                    yield number, decoder.decode(line)
                except (msgspec.DecodeError, RecursionError) as error:
                    raise ReleaseError(f"{path}:{number}: {error}") from error


def read_json(path: Path, kind: type[Row], entry: ManifestFile | None = None) -> Row:
    """A whole JSON file as `kind`; the entry as in `read_lines`. Raises ReleaseError."""
    return decode_json(path, read_listed(path, entry) if entry else read_bounded(path, MAX_MANIFEST_BYTES), kind)


def decode_json(path: Path, raw: bytes, kind: type[Row]) -> Row:
    """The JSON of the file `path`. Raises ReleaseError."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReleaseError(f"{path}: {error}") from error


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most `limit` bytes. Raises ReleaseError."""
    with naming(path), path.open("rb") as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise ReleaseError(f"{path}: larger than {limit} bytes")
    return raw


def read_listed(path: Path, entry: ManifestFile) -> bytes:
    """The bytes of a file, once size and sha256 are those of its entry. Raises ReleaseError."""
    with naming(path), path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != entry.bytes:  # nothing of such a file is taken into memory
            check_file(file, path, entry)
        raw = file.read()
    _compare(path, entry, len(raw), hashlib.sha256(raw).hexdigest())
    return raw


def check_file(file: BinaryIO, path: Path, entry: ManifestFile) -> None:
    """Read an open file to its end. Raises ReleaseError unless size and sha256 are those of its entry."""
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    _compare(path, entry, file.tell(), sha256)


def _compare(path: Path, entry: ManifestFile, size: int, sha256: str) -> None:
    if (size, sha256) != (entry.bytes, entry.sha256):
        raise ReleaseError(
            f"{path}: {size} bytes with sha256 {sha256}, the manifest lists {entry.bytes} bytes with {entry.sha256}"
        )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What the system refuses becomes a ReleaseError that names the file."""
    try:
        yield
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}") from error
