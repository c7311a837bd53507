"""Multiple-choice items: what comes in and goes out, one JSON object a line."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIN_OPTIONS, MAX_OPTIONS = 2, 8
MAX_LINE_BYTES = 1_000_000


class ItemError(ValueError):
    """An input row, or the input as a whole, cannot be used; the message names the row and the field."""


@dataclass(frozen=True)
class Item:
    """One question with its options; ``split`` is the row's ``fold`` (matching never leaves it)."""

    qid: str | int
    video_id: str
    question: str
    answers: tuple[str, ...]
    answer_idx: int
    split: str

    @property
    def correct(self) -> str:
        return self.answers[self.answer_idx]

    @property
    def sort_key(self) -> tuple[bool, int, str]:
        """A total order over mixed int and str ids, so that the order of the input never matters."""
        number = self.qid if isinstance(self.qid, int) else 0
        return isinstance(self.qid, str), number, str(self.qid)


def parse_rows(rows: Sequence[Mapping[str, Any]], where: str = "row") -> list[Item]:
    """Check every row and return its item, in the input's order.

    Raises ItemError that names the row (``{where} 3``), the id and the field.
    """
    if not rows:
        raise ItemError("no questions: expected at least one row")
    items = [parse_row(row, f"{where} {number}") for number, row in enumerate(rows, 1)]
    seen: dict[str | int, int] = {}
    for number, item in enumerate(items, 1):
        if item.qid in seen:
            raise ItemError(f"{where} {number}: qid {item.qid!r} was already used in {where} {seen[item.qid]}")
        seen[item.qid] = number
    labelled = sum("fold" in row for row in rows)
    if labelled not in (0, len(rows)):
        raise ItemError(f"{labelled} of {len(rows)} rows have a fold: expected all of them or none")
    return items


def parse_row(row: Mapping[str, Any], where: str) -> Item:
    """One checked row; raises ItemError that begins with ``where``."""
    if not isinstance(row, Mapping):
        raise ItemError(f"{where}: expected a JSON object, got {type(row).__name__}")
    qid = row.get("qid")
    if isinstance(qid, bool) or not isinstance(qid, str | int) or qid == "":
        raise ItemError(f"{where}: field qid: expected a non-empty string or an integer, got {qid!r}")
    where = f"{where} (qid {qid!r})"
    video_id, question = (_text(row.get(field), f"{where}: field {field}") for field in ("video_id", "question"))
    answers = row.get("answers")
    if not isinstance(answers, list | tuple) or not MIN_OPTIONS <= len(answers) <= MAX_OPTIONS:
        got = f"{len(answers)} options" if isinstance(answers, list | tuple) else repr(answers)
        raise ItemError(f"{where}: field answers: expected {MIN_OPTIONS} to {MAX_OPTIONS} strings, got {got}")
    for position, answer in enumerate(answers):
        _text(answer, f"{where}: field answers[{position}]")
    index = row.get("answer_idx")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(answers):
        raise ItemError(f"{where}: field answer_idx: expected 0 to {len(answers) - 1}, got {index!r}")
    entries = row.get("options") or [{}] * len(answers)
    if not isinstance(entries, list) or len(entries) != len(answers) or not all(isinstance(e, dict) for e in entries):
        raise ItemError(f"{where}: field options: expected one object for each of the {len(answers)} answers")
    split = row.get("fold", "")
    if isinstance(split, bool) or not isinstance(split, str | int):
        raise ItemError(f"{where}: field fold: expected a string or an integer, got {split!r}")
    return Item(qid, video_id, question, tuple(answers), index, str(split))


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ItemError(f"{where}: expected a non-blank string, got {value!r}")
    return value


def iterate_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, JSON object) of a JSON-lines file; raises ItemError naming file and line."""
    with path.open("rb") as lines:
        number = 0
        while line := lines.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES:
                raise ItemError(f"{path}: line {number}: longer than {MAX_LINE_BYTES} bytes")
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ItemError(f"{path}: line {number}: expected one JSON object: {error}") from error
            if not isinstance(row, dict):
                raise ItemError(f"{path}: line {number}: expected a JSON object, got {type(row).__name__}")
            yield number, row
    if not number:
        raise ItemError(f"{path}: no questions: expected one JSON object a line")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a JSON-lines file; raises ItemError naming file and line."""
    return [row for _, row in iterate_rows(path)]


def write_whole(path: Path, chunks: Iterable[str]) -> None:
    """Write a text file so that a reader, or a crash, sees the whole of it or nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.writelines(chunks)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON lines, whole or not at all."""
    write_whole(path, (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
