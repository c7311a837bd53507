"""Non-maximum suppression with the field's arithmetic: float64, and what overlaps strictly above the threshold goes."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.kernels.aot import helper, kernel
from evaluation.kernels.types import Float64s, Int64s
from evaluation.metrics.iou import overlaps
from evaluation.metrics.protocol import NMS_THRESHOLD, ROWS_KEPT


class Spans(Protocol):
    """Rows that begin and end, in seconds, [n] each."""

    @property
    def start(self) -> Float64s: ...
    @property
    def end(self) -> Float64s: ...


class GroupedSpans(NamedTuple):
    """Rows of one list, [n] each: `group` numbers their videos 0, 1, … by first appearance."""

    group: Int64s
    start: Float64s
    end: Float64s
    score: Float64s


class NmsScratch(NamedTuple):
    """Room to work in, [n] each; `newest` and `previous` chain the kept rows of a group."""

    order: Int64s
    newest: Int64s
    previous: Int64s


@helper
def sort_rows(score: Float64s, group: Int64s, low: int, n: int, order: Int64s) -> None:
    """Write rows 0 .. n-1, counted from `low`, into `order`: by falling score, ties by group, then by list order.

    An insertion sort: stable, and one pass over lists that are already sorted.
    """
    for i in range(n):
        j = i - 1
        while j >= 0 and (
            score[low + order[j]] < score[low + i]
            or (score[low + order[j]] == score[low + i] and group[order[j]] > group[i])
        ):
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = i


@helper
def survives(row: int, low: int, spans: Spans, threshold: float, newest: int, previous: Int64s) -> bool:
    """Whether a row overlaps no kept row of its group; `newest` and `previous` chain those, -1 ends the chain."""
    start, end, other = spans.start, spans.end, newest
    while other >= 0:
        if overlaps(start[low + other], end[low + other], start[low + row], end[low + row], threshold):
            return False
        other = previous[other]
    return True


@kernel
def nms_kernel(rows: GroupedSpans, threshold: float, most: int, scratch: NmsScratch, kept: Int64s) -> int:
    """Greedy NMS inside each group of n rows; writes the survivors into `kept` [n], returns how many (at most `most`).

    Survivors come by falling score; ties by group, then by list order: exactly what sorting each group, suppressing
    it, joining the groups in order of first appearance and sorting the whole stably by score gives. Stopping at `most`
    changes none of them.
    """
    n = len(rows.group)
    sort_rows(rows.score, rows.group, 0, n, scratch.order)
    scratch.newest[:] = -1
    count = 0
    for i in range(n):
        row = scratch.order[i]
        chain = scratch.newest[rows.group[row]]
        if count < most and survives(row, 0, rows, threshold, chain, scratch.previous):
            scratch.previous[row], scratch.newest[rows.group[row]] = chain, row
            kept[count] = row
            count += 1
    return count


def nms(
    video: ArrayLike,
    spans: ArrayLike,
    score: ArrayLike,
    *,
    threshold: float = NMS_THRESHOLD,
    most: int = ROWS_KEPT,
) -> NDArray[np.int64]:
    """Places of the rows that survive NMS inside each video, best first.

    video [n] int, spans [n, 2] seconds, score [n] (larger is better). Float64, drops IoU strictly above the
    threshold, at most `most` survivors (HERO, post_processing_vcmr_nms). Cut the list to NMS_ROWS_IN before.
    """
    columns = np.asarray(spans, np.float64).reshape(-1, 2).T.copy()
    _, first, inverse = np.unique(np.asarray(video), return_index=True, return_inverse=True)
    group = np.argsort(np.argsort(first))[inverse].astype(np.int64)
    n = len(group)
    rows = GroupedSpans(group, columns[0], columns[1], np.array(score, np.float64))
    kept = np.empty(n, np.int64)
    return kept[: nms_kernel(rows, threshold, most, NmsScratch(*np.empty((3, n), np.int64)), kept)]
