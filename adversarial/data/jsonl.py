"""Rows in files: one JSON object a line, read with limits, written whole or not at all."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from adversarial.data.errors import ItemError
from adversarial.data.paths import write_output
from adversarial.data.schema import MAX_DEPTH
from evaluation.io.jsonl import encode_line, numbered_lines

MAX_LINE_BYTES = 1_000_000


def iterate_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, JSON object) of a JSON-lines file; raises ItemError naming file and line."""

    def too_long(number: int) -> ItemError:
        return ItemError(f"{path}: line {number}: longer than {MAX_LINE_BYTES} bytes")

    empty = True
    with path.open("rb") as file:
        for number, line in numbered_lines(file, MAX_LINE_BYTES, too_long):
            empty = False
            yield number, _json_object(line, f"{path}: line {number}")
    if empty:
        raise ItemError(f"{path}: no questions: expected one JSON object a line")


def _json_object(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        raise ItemError(f"{where}: expected one JSON object: {error.msg} at column {error.colno}") from error
    except ValueError as error:
        raise ItemError(f"{where}: expected one JSON object: {error}") from error
    except RecursionError as error:
        raise ItemError(f"{where}: lists and objects nested more than {MAX_DEPTH} deep") from error
    if not isinstance(row, dict):
        raise ItemError(f"{where}: expected a JSON object, got {type(row).__name__}")
    return row


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a JSON-lines file; raises ItemError naming file and line."""
    return [row for _, row in iterate_rows(path)]


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines, whole or not at all."""
    write_output(path, map(encode_line, rows))
