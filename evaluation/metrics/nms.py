"""Non-maximum suppression with the field's arithmetic: float64, and what overlaps strictly above the threshold goes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.kernels.aot import helper, kernel
from evaluation.metrics.iou import overlaps
from evaluation.metrics.protocol import NMS_THRESHOLD, ROWS_KEPT


@helper
def sort_rows(score: NDArray[np.float64], group: NDArray[np.int64], low: int, n: int, order: NDArray[np.int64]) -> None:
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
def survives(
    row: int,
    low: int,
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    threshold: float,
    newest: int,
    previous: NDArray[np.int64],
) -> bool:
    """Whether a row overlaps no kept row of its group; `newest` and `previous` chain those, -1 ends the chain."""
    other = newest
    while other >= 0:
        if overlaps(start[low + other], end[low + other], start[low + row], end[low + row], threshold):
            return False
        other = previous[other]
    return True


@kernel("int64(int64[::1], float64[::1], float64[::1], float64[::1], float64, int64, int64[:,::1], int64[::1])")
def suppress(
    group: NDArray[np.int64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    score: NDArray[np.float64],
    threshold: float,
    most: int,
    room: NDArray[np.int64],
    kept: NDArray[np.int64],
) -> int:
    """Greedy NMS inside each group of n rows; writes the survivors into `kept`, returns how many (at most `most`).

    `group` [n] numbers the videos 0, 1, … by first appearance; `room` is [3, n]. Survivors come by falling score;
    ties by group, then by list order: exactly what sorting each group, suppressing it, joining the groups in order
    of first appearance and sorting the whole stably by score gives. Stopping at `most` changes none of them.
    """
    order, newest, previous = room[0], room[1], room[2]
    n = len(group)
    sort_rows(score, group, 0, n, order)
    newest[:] = -1
    count = 0
    for i in range(n):
        row = order[i]
        if count < most and survives(row, 0, start, end, threshold, newest[group[row]], previous):
            previous[row], newest[group[row]] = newest[group[row]], row
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
    kept = np.empty(n, np.int64)
    room = np.empty((3, n), np.int64)
    count = suppress(group, columns[0], columns[1], np.array(score, np.float64), threshold, most, room, kept)
    return kept[:count]
