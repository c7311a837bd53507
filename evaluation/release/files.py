"""Reads the files of a release.

A file that a manifest lists is decoded from the very bytes that were hashed, and only once the hash is right.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from evaluation.io.errors import opening
from evaluation.io.jsonl import decode_json, decode_lines
from evaluation.io.opened import open_plain
from evaluation.release.schema import ManifestFile, ReleaseError, SubtitleLine, SubtitleRow

MAX_JSON_BYTES = 64 << 20
LONGEST_S = 86_400.0  # a subtitle beyond a day is in another unit
Row = TypeVar("Row")


def read_lines(path: Path, kind: type[Row], entry: ManifestFile | None = None) -> Iterator[tuple[int, Row]]:
    """(line number from 1, typed row) of a jsonl file; blank lines are passed over. Raises ReleaseError.

    With an entry nothing is decoded unless the file is the one that the manifest lists.
    """
    with io.BytesIO(read_verified(path, entry)) if entry else open_plain(path, ReleaseError) as file:
        yield from decode_lines(file, path, kind, ReleaseError)


def subtitle_rows(path: Path, entry: ManifestFile | None = None) -> Iterator[tuple[int, SubtitleRow]]:
    """(line number, subtitles of a clip) of a file like a release's; the entry as in `read_lines`.

    Raises ReleaseError, also for a clip that comes twice.
    """
    seen: set[str] = set()
    for number, row in read_lines(path, SubtitleRow, entry):
        if row.vid_name in seen:
            raise ReleaseError(f"{path}:{number}: vid_name {row.vid_name!r} a second time")
        seen.add(row.vid_name)
        yield number, row


def subtitle_fault(line: SubtitleLine) -> str:
    """Why its times, numbers of seconds, can be those of no subtitle; empty where they can."""
    if 0 <= line.start <= line.end <= LONGEST_S:
        return ""
    return f"start is {line.start:g} and end {line.end:g}, expected 0 <= start <= end <= {LONGEST_S:g} s"


def read_json(path: Path, kind: type[Row], entry: ManifestFile | None = None) -> Row:
    """A whole JSON file as `kind`; the entry as in `read_lines`. Raises ReleaseError."""
    if entry:
        return decode_json(read_verified(path, entry), path, kind, ReleaseError)
    with open_plain(path, ReleaseError) as file:
        raw = file.read(MAX_JSON_BYTES + 1)
    if len(raw) > MAX_JSON_BYTES:
        raise ReleaseError(f"{path}: larger than {MAX_JSON_BYTES} bytes")
    return decode_json(raw, path, kind, ReleaseError)


def read_verified(path: Path, entry: ManifestFile) -> bytes:
    """The bytes of a file, once size and sha256 are those of its entry. Raises ReleaseError."""
    with opening(path, ReleaseError), path.open("rb") as file:
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
