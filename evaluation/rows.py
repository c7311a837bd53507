"""The rows of a release's files, typed, and the bounded reading of them: every error names file and line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

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
    """MANIFEST.json."""

    format: str
    name: str
    version: str
    seed: int
    files: list[ManifestFile]


class MomentRow(msgspec.Struct, frozen=True):
    """One line of moment/tvr/*.jsonl; on the public test split everything but desc, desc_id and type is None."""

    desc_id: int
    desc: str
    type: Literal["v", "t", "vt"] | None = None
    vid_name: str | None = None
    duration: float | None = None
    ts: tuple[float, float] | None = None


class QuestionRow(msgspec.Struct, frozen=True):
    """One line of qa/value/*.jsonl; `ts` is "start-end"; on the public test split `answer_idx` is None."""

    qid: int
    vid_name: str
    q: str
    a0: str
    a1: str
    a2: str
    a3: str
    ts: str | None = None
    answer_idx: int | None = None


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


def read_lines(path: Path, kind: type[Row]) -> Iterator[tuple[int, Row]]:
    """(line number from 1, typed row) of a jsonl file; blank lines are passed over."""
    decoder = msgspec.json.Decoder(kind)
    try:
        with path.open("rb") as file:
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
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}") from error


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of a file of at most `limit` bytes. Raises ReleaseError."""
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}") from error
    if len(raw) > limit:
        raise ReleaseError(f"{path}: larger than {limit} bytes")
    return raw
