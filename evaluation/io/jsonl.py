"""JSON and JSONL as typed rows. Every error names file and line; its class is the caller's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

MAX_LINE_BYTES = 16 << 20
Row = TypeVar("Row")


def decode_lines(file: BinaryIO, path: Path, kind: type[Row], error: type[Exception]) -> Iterator[tuple[int, Row]]:
    """(line number from 1, row as `kind`) of an open JSONL file; blank lines are passed over. Raises `error`."""
    decoder = msgspec.json.Decoder(kind)
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise error(f"{path}:{number}: line longer than {MAX_LINE_BYTES} bytes")
        if line.strip():
            try:
                yield number, decoder.decode(line)
            except (msgspec.DecodeError, RecursionError) as reason:
                raise error(f"{path}:{number}: {reason}") from reason


def decode_json(raw: bytes, path: Path, kind: type[Row], error: type[Exception]) -> Row:
    """The JSON of the file `path` as `kind`. Raises `error`."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as reason:
        raise error(f"{path}: {reason}") from reason


def read_bounded(path: Path, limit: int, error: type[Exception]) -> bytes:
    """The bytes of a file of at most `limit` bytes. Raises `error`."""
    with refusing(path, error), path.open("rb") as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise error(f"{path}: larger than {limit} bytes")
    return raw


@contextmanager
def refusing(path: Path, error: type[Exception]) -> Iterator[None]:
    """What the system refuses becomes an `error` that names the file."""
    try:
        yield
    except OSError as reason:
        raise error(f"{path}: {reason.strerror}") from reason
