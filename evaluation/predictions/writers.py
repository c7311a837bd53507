"""Predictions as JSON and JSONL; every number is written so that its 64 bits come back."""

import json
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from evaluation.metrics.ranked_lists import RankedLists


def moment_submission(parts: Iterable[RankedLists], video2idx: dict[str, int] | None) -> Iterator[bytes]:
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


def moment_lines(parts: Iterable[RankedLists]) -> Iterator[bytes]:
    """JSONL: one query of one task a line."""
    for lists in parts:
        for desc_id, rows in _entries(lists):
            yield msgspec.json.encode({"task": lists.task, "desc_id": desc_id, "predictions": rows}) + b"\n"


def _entries(lists: RankedLists) -> Iterator[tuple[int, list[tuple[int, float, float, float]]]]:
    columns = (lists.video.tolist(), lists.start.tolist(), lists.end.tolist(), lists.score.tolist())
    rows = list(zip(*columns, strict=True))
    bounds = zip(lists.desc_ids.tolist(), lists.offsets[:-1].tolist(), lists.offsets[1:].tolist(), strict=True)
    for desc_id, low, high in bounds:
        yield desc_id, rows[low:high]


def answer_lines(answers: Sequence[tuple[int, int]]) -> bytes:
    """JSONL with these answers."""
    return "".join(f'{{"qid": {qid}, "answer_idx": {answer}}}\n' for qid, answer in answers).encode()


def answer_object(answers: Sequence[tuple[int, int]]) -> bytes:
    """The field's JSON form with these answers."""
    return (json.dumps({str(qid): answer for qid, answer in answers}, indent=0) + "\n").encode()
