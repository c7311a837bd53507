"""The rows of a foreign file with their lines: JSON Lines or one array or object of JSON, CSV, plain lines.

gzip and byte order marks are taken. A row that cannot be read is a Fault, a file that cannot is a FormError.
"""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evaluation.forms.records import Fault, FormError, Record, RowFault
from evaluation.io.jsonl import MAX_LINE_BYTES, numbered_lines
from evaluation.io.opened import open_plain

MAX_FILE_BYTES = 1 << 30
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
                yield number, _object(number, msgspec.json.decode(line))
            except (msgspec.DecodeError, RecursionError) as error:
                yield number, Fault(number, "line", f"is no JSON: {error}")


def json_members(path: Path) -> Iterator[tuple[int, tuple[str, Any]]]:
    """(entry, (key, value)) of one object of JSON, in order."""
    with open_plain(path, FormError) as file:
        yield from enumerate(_whole(path, file.read(MAX_FILE_BYTES + 1), dict[str, Any]).items(), 1)


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of comma-separated values without a header."""
    with open_plain(path, FormError) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        reader = csv.reader(text, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
        except (csv.Error, UnicodeDecodeError) as error:
            raise FormError(f"{path}:{reader.line_num + 1}: {error}") from error


def text_rows(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of plain lines, blank ones passed over."""
    with open_plain(path, FormError) as file:
        for number, line in numbered_lines(file, MAX_LINE_BYTES, lambda n: FormError(f"{path}:{n}: line too long")):
            try:
                yield number, line.decode().rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise FormError(f"{path}:{number}: {error}") from error


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


def _whole(path: Path, raw: bytes, kind: type[Raw]) -> Raw:
    if len(raw) > MAX_FILE_BYTES:
        raise FormError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormError(f"{path}: {error}") from error
