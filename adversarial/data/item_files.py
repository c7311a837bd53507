"""Items in files of JSON lines: read and checked in one pass, written whole or not at all."""

from collections.abc import Iterable
from pathlib import Path

from adversarial.data.jsonl import iterate_rows, write_rows
from adversarial.data.schema import Item, checked, row_of


def read_items(path: Path, replace: int = 0) -> list[Item]:
    """The items of a file, checked as in checked. Raises ItemError that names file, line, id and field."""
    return list(checked(iterate_rows(path), f"{path}: line", replace))


def write_items(path: Path, items: Iterable[Item]) -> None:
    """One row a line, in the order of ``items``."""
    write_rows(path, map(row_of, items))
