"""Predictions in the form of QVHighlights (moment_detr, lighthouse): JSONL with the windows of each query's own video.

They are SVMR lists whose rows name no video. Saliency scores are passed over.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import NoReturn

import msgspec
import numpy as np

from evaluation.io.jsonl import UNREADABLE
from evaluation.metrics.ranked_lists import RankedLists
from evaluation.predictions.errors import Findings, PredictionError, Problem
from evaluation.predictions.ids import QueryIds
from evaluation.release import VideoIndex
from evaluation.release.schema import Number

TASK = "SVMR"
LISTS_AT_ONCE = 4096


class WindowsLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line; windows are [start, end, score] in seconds."""

    qid: Number | str
    vid: str
    pred_relevant_windows: list[tuple[float, float, float]]
    query: str = ""
    pred_saliency_scores: list[float] | None = None


def window_lists(
    lines: Iterable[bytes], videos: VideoIndex, findings: Findings, ids: QueryIds
) -> Iterator[RankedLists]:
    """The lines as SVMR lists, some at a time. Raises PredictionError."""
    decoder = msgspec.json.Decoder(WindowsLine)

    def refuse(number: int, message: str) -> NoReturn:
        place = Problem(findings.file, TASK, None, None, None, f"line {number}: {message}")
        raise PredictionError([*findings.problems, place])

    def read(numbered: tuple[int, bytes]) -> WindowsLine:
        number, raw = numbered
        try:
            line = decoder.decode(raw)
        except UNREADABLE as error:
            refuse(number, str(error))
        if line.vid not in videos.id_of:
            refuse(number, f"vid {line.vid[:80]!r} is not a video of this split")
        return line

    rows = ((number, raw) for number, raw in enumerate(lines, 1) if raw.strip())
    while part := [read(row) for row in itertools.islice(rows, LISTS_AT_ONCE)]:
        findings.note("saliency", sum(line.pred_saliency_scores is not None for line in part))
        lengths = [len(line.pred_relevant_windows) for line in part]
        flat = [window for line in part for window in line.pred_relevant_windows]
        start, end, score = np.array(flat, np.float64).reshape(-1, 3).T
        yield RankedLists(
            task=TASK,
            desc_ids=np.array([_number(line.qid, ids) for line in part], np.int64),
            offsets=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
            video=np.repeat([videos.id_of[line.vid] for line in part], lengths),
            start=start,
            end=end,
            score=score,
        )


def _number(qid: int | str, ids: QueryIds) -> int:
    return ids.of_text(qid, TASK) if isinstance(qid, str) else ids.of_number(qid, TASK)
