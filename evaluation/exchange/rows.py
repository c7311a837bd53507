"""The public rows of a release folder, as they lie in its files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.io.jsonl import decode_json, read_bounded
from evaluation.release.files import MAX_JSON_BYTES, read_lines
from evaluation.release.names import FOLDERS, SPLITS, index_name, rows_name, split_key
from evaluation.release.schema import MomentRow, QuestionRow, ReleaseError, Task

_CLIP = re.compile(r"(?P<video>.+)_(?P<start>\d+(?:\.\d+)?)_(?P<end>\d+(?:\.\d+)?)")
ROWS: dict[Task, type[MomentRow] | type[QuestionRow]] = {"moment": MomentRow, "qa": QuestionRow}


class Window(NamedTuple):
    """What a clip's name says: of which video it is, and from where to where, in seconds."""

    video: str
    start: float
    end: float


def tasks_of(folder: Path) -> list[Task]:
    """The tasks that the folder has rows of."""
    return [task for task in FOLDERS if (folder / rows_name(task, "train")).is_file()]


def public_rows(folder: Path, task: Task, split: str) -> Iterator[Any]:
    """The rows of a task that everybody gets, truth where it is public. Raises ReleaseError."""
    return (row for _, row in read_lines(folder / rows_name(task, split), ROWS[task]))


def durations(folder: Path, task: Task) -> dict[str, float]:
    """Seconds of every clip of a task, over all splits. Raises ReleaseError."""
    path = folder / index_name(task)
    raw = read_bounded(path, MAX_JSON_BYTES, ReleaseError)
    index = decode_json(raw, path, dict[str, dict[str, tuple[float, int]]], ReleaseError)
    return {name: seconds for split in SPLITS for name, (seconds, _) in index.get(split_key(split), {}).items()}


def window_of(clip: str) -> Window:
    """The video and the seconds in a clip's name; a name that says none is a video of its own, from 0 on."""
    found = _CLIP.fullmatch(clip)
    if not found:
        return Window(clip, 0.0, 0.0)
    return Window(found["video"], float(found["start"]), float(found["end"]))


def span_of(row: QuestionRow) -> tuple[float, float] | None:
    """Where a question is asked about, in seconds of its clip; None where that is withheld."""
    if row.ts is None:
        return None
    start, end = row.ts.split("-")
    return float(start), float(end)
