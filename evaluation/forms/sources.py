"""The rows of a foreign file with their lines: JSON Lines or one array or object of JSON, CSV, plain lines.

gzip and byte order marks are taken. A row that cannot be read is a Fault, a file that cannot is a FormError.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evaluation.forms.records import Fault, FormError, Record, RowFault
from evaluation.io.jsonl import MAX_LINE_BYTES, UNREADABLE, numbered_lines
from evaluation.io.opened import open_plain

MAX_FILE_BYTES = 1 << 30
UNCLOSED = "unexpected end of data"  # what csv says of a quote that never ends
_NO_NUMBER = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity\b|NaN\b', re.DOTALL)
Raw = TypeVar("Raw")
Row = dict[str, Any]


def json_rows(path: Path) -> Iterator[tuple[int, Row | Fault]]:
    """(line, object) of JSON Lines, or (entry, object) of one array of objects."""
    with open_plain(path, FormError) as file:
        if file.peek().lstrip().startswith(b"["):
            for number, row in enumerate(_whole(path, file.read(MAX_FILE_BYTES + 1), list[Any]), 1):
                yield number, _object(number, row)
            return
        for number, line in numbered_lines(file, MAX_LINE_BYTES, lambda n: FormError(f"{path}:{n}: line too long")):
            try:
                yield number, _object(number, _decoded(line, Any))
            except UNREADABLE as error:
                yield number, Fault(number, "line", f"is no JSON: {error}")


def json_members(path: Path) -> Iterator[tuple[int, tuple[str, Any]]]:
    """(entry, (key, value)) of one object of JSON, in order."""
    with open_plain(path, FormError) as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    members = _whole(path, raw, dict[str, Any])
    _refuse_repeats(path, raw)
    yield from enumerate(members.items(), 1)


def csv_rows(path: Path) -> Iterator[tuple[int, list[str] | Fault]]:
    """(line, cells) of comma-separated values without a header."""
    with open_plain(path, FormError) as file, io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="") as text:
        reader = csv.reader(text, strict=True)
        while True:
            begun = reader.line_num  # the line before the row
            try:
                cells = next(reader, None)
            except csv.Error as error:
                if str(error) == UNCLOSED:  # whatever follows would be lost with it
                    raise FormError(f"{path}:{begun + 1}: a quote that never ends: {error}") from error
                lines = f", up to line {reader.line_num}" * (reader.line_num > begun + 1)
                yield begun + 1, Fault(begun + 1, "line", f"is no CSV{lines}: {error}")
                continue
            if cells is None:
                return
            if cells:
                yield reader.line_num, _readable(reader.line_num, cells)


def text_rows(path: Path) -> Iterator[tuple[int, str | Fault]]:
    """(line, text) of plain lines, blank ones passed over."""
    with open_plain(path, FormError) as file:
        for number, line in numbered_lines(file, MAX_LINE_BYTES, lambda n: FormError(f"{path}:{n}: line too long")):
            try:
                yield number, line.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                yield number, Fault(number, "line", f"is no UTF-8: {error}")


def read_each(
    rows: Iterator[tuple[int, Raw | Fault]], read: Callable[[int, Raw], Record | Iterator[Record | Fault]]
) -> Iterator[Record | Fault]:
    """What `read(line, row)` makes of each row; a row that it cannot use is a Fault, wherever that shows."""
    for line, row in rows:
        if isinstance(row, Fault):
            yield row
            continue
        try:
            found = read(line, row)
            if isinstance(found, Iterator):
                yield from found
            else:
                yield found
        except RowFault as fault:
            yield Fault(line, fault.what, fault.why)


def field(row: Row, name: str, kind: type[Raw]) -> Raw:
    """A field of a row as `kind`, strict but for whole numbers where floats are meant. Raises RowFault."""
    if name not in row:
        raise RowFault(name, "is missing")
    return converted(row[name], name, kind)


def typed(row: Row, kind: type[Raw]) -> Raw:
    """A row as a Struct, which is quicker than field by field. Raises RowFault that names the field."""
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        for part in msgspec.structs.fields(kind):  # type: ignore[arg-type]
            if part.required or part.name in row:
                field(row, part.name, part.type)
        raise RowFault("row", str(error)) from error


def converted(value: object, name: str, kind: type[Raw]) -> Raw:
    """A value as `kind`. Raises RowFault that says of which field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise RowFault(name, str(error)) from error


def _object(number: int, row: object) -> Row | Fault:
    return row if isinstance(row, dict) else Fault(number, "row", f"is {str(row)[:40]!r}, expected an object")


def _readable(number: int, cells: list[str]) -> list[str] | Fault:
    try:
        "".join(cells).encode("utf-8", "surrogateescape").decode()
    except UnicodeDecodeError as error:
        return Fault(number, "line", f"is no UTF-8: {error}")
    return cells


def _whole(path: Path, raw: bytes, kind: type[Raw]) -> Raw:
    if len(raw) > MAX_FILE_BYTES:
        raise FormError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        return _decoded(raw, kind)
    except UNREADABLE as error:
        raise FormError(f"{path}: {error}") from error


def _decoded(raw: bytes, kind: type[Raw]) -> Raw:
    """JSON with the NaN and Infinity that Python writes, which stand for what is not known: null. Raises UNREADABLE."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.DecodeError:
        plain = _NO_NUMBER.sub(lambda found: found[0] if found[0].startswith(b'"') else b"null", raw)
        if plain == raw:
            raise
        return msgspec.json.decode(plain, type=kind)


def _refuse_repeats(path: Path, raw: bytes) -> None:
    """Raises FormError where an object names a key twice: the first one would be lost without a word."""

    def once(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            twice = next(key for n, key in enumerate(keys) if key in keys[:n])
            raise FormError(f"{path}: {twice[:80]!r} stands twice in one object")

    def unread(number: str) -> None:
        """No number is looked at, so none is too long to be."""

    try:
        json.loads(raw, object_pairs_hook=once, parse_int=unread, parse_float=unread, parse_constant=unread)
    except (ValueError, RecursionError) as error:
        raise FormError(f"{path}: {error}") from error
