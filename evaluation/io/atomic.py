"""Files appear whole or not at all: written beside their place, then moved there."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from evaluation.metrics.ranked_lists import Lists


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path to write; it becomes `path` when the block ends well and vanishes when it does not."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Write the parts to `path`, or nothing at all."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        for part in parts:
            file.write(part)


def json_bytes(value: Any) -> bytes:
    """Indented JSON, one newline at the end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def moment_submission(parts: Iterable[Lists], video2idx: dict[str, int] | None) -> Iterator[bytes]:
    """The field's JSON form, one query a line; all lists of a task must come one after another."""
    yield b"{"
    if video2idx is not None:
        yield b'"video2idx":' + msgspec.json.encode(video2idx)
    task, separator = None, b"" if video2idx is None else b",\n"
    for lists in parts:
        if lists.task != task:
            yield (b"" if task is None else b"\n]") + separator + b'"' + lists.task.encode() + b'":[\n'
            task, separator = lists.task, b""
        for desc_id, rows in _entries(lists):
            yield separator + msgspec.json.encode({"desc_id": desc_id, "desc": "", "predictions": rows})
            separator = b",\n"
    yield (b"" if task is None else b"\n]") + b"}\n"


def moment_lines(parts: Iterable[Lists]) -> Iterator[bytes]:
    """JSONL: one query of one task a line."""
    for lists in parts:
        for desc_id, rows in _entries(lists):
            yield msgspec.json.encode({"task": lists.task, "desc_id": desc_id, "predictions": rows}) + b"\n"


def _entries(lists: Lists) -> Iterator[tuple[int, list[tuple[int, float, float, float]]]]:
    columns = (lists.video.tolist(), lists.start.tolist(), lists.end.tolist(), lists.score.tolist())
    rows = list(zip(*columns, strict=True))
    bounds = zip(lists.desc_ids.tolist(), lists.offsets[:-1].tolist(), lists.offsets[1:].tolist(), strict=True)
    for desc_id, low, high in bounds:
        yield desc_id, rows[low:high]
