"""JSON and JSONL with their places: every error names file and line, its class is the caller's own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec

from evaluation.io.errors import Refusal, opening

MAX_LINE_BYTES = 16 << 20
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # of msgspec, over what is no JSON
Row = TypeVar("Row")


def numbered_lines(file: BinaryIO, limit: int, too_long: Callable[[int], Refusal]) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, line) of an open file; blank lines are passed over.

    No more than `limit` bytes of a line are taken into memory; raises `too_long(number)` where it has more.
    """
    number = 0
    while line := file.readline(limit + 1):
        number += 1
        if len(line) > limit:
            raise too_long(number)
        if line.strip():
            yield number, line


def decode_lines(file: BinaryIO, path: Path, kind: type[Row], error: type[Refusal]) -> Iterator[tuple[int, Row]]:
    """(line number from 1, row as `kind`) of an open JSONL file; blank lines are passed over. Raises `error`."""

    def too_long(number: int) -> Refusal:
        return error(f"{path}:{number}: line longer than {MAX_LINE_BYTES} bytes")

    decoder = msgspec.json.Decoder(kind)
    for number, line in numbered_lines(file, MAX_LINE_BYTES, too_long):
        try:
            yield number, decoder.decode(line)
        except UNREADABLE as reason:
            raise error(f"{path}:{number}: {reason}") from reason


def decode_json(raw: bytes, path: Path, kind: type[Row], error: type[Refusal]) -> Row:
    """The JSON of the file `path` as `kind`. Raises `error`."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE as reason:
        raise error(f"{path}: {reason}") from reason


def read_bounded(path: Path, limit: int, error: type[Refusal]) -> bytes:
    """The bytes of a file of at most `limit` bytes. Raises `error`."""
    with opening(path, error), path.open("rb") as file:
        raw = file.read(limit + 1)
    if len(raw) > limit:
        raise error(f"{path}: larger than {limit} bytes")
    return raw


def encode_line(row: Any) -> bytes:
    """A row as its line: UTF-8, with the blanks of Python's own json. Raises ValueError for nan and infinity."""
    return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()
