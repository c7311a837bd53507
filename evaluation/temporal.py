"""Temporal intersection over union and non-maximum suppression, with the field's arithmetic.

Spans are [start, end] in seconds. The "union" is the hull max(end) - min(start): it equals the union wherever the
two overlap, and elsewhere the intersection is 0 anyway (TVRetrieval, standalone_eval). A hull of 0 gives 0.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.compiled import compiled

NMS_THRESHOLD = 0.5  # paper, footnote 7
NMS_ROWS_IN = 200  # rows of a list that enter NMS (HERO's max_before_nms)
ROWS_KEPT = 100  # rows of a list that count, after NMS (HERO's max_after_nms)


def tiou(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """IoU of spans [..., 2] with spans [..., 2] (broadcast), in float64."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    inter = np.maximum(0.0, np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]))
    hull = np.maximum(a[..., 1], b[..., 1]) - np.minimum(a[..., 0], b[..., 0])
    return np.divide(inter, hull, out=np.zeros(np.broadcast(inter, hull).shape), where=hull != 0)


@compiled
def tiou32(start: np.float32, end: np.float32, other_start: np.float32, other_end: np.float32) -> np.float32:
    """IoU in float32 from four float32 numbers: the arithmetic that decides a hit."""
    inter = max(np.float32(0.0), min(end, other_end) - max(start, other_start))
    hull = max(end, other_end) - min(start, other_start)
    return inter / hull if hull != np.float32(0.0) else np.float32(0.0)


@compiled
def overlaps(start: float, end: float, other_start: float, other_end: float, threshold: float) -> bool:
    """Whether the float64 IoU is above `threshold` (strict; 0 or more): the verdict of NMS."""
    inter = min(end, other_end) - max(start, other_start)
    if inter <= 0.0:
        return False
    return inter / (max(end, other_end) - min(start, other_start)) > threshold


@compiled
def suppress(
    group: NDArray[np.int64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    score: NDArray[np.float64],
    threshold: float,
    most: int,
    kept: NDArray[np.int64],
) -> int:
    """Greedy NMS inside each group; writes the surviving places into `kept`, returns how many (at most `most`).

    `group` numbers the videos 0, 1, … by first appearance. Survivors come by falling score; ties by group, then by
    list order: exactly what sorting each group, suppressing it, joining the groups in order of first appearance
    and sorting the whole stably by score gives. Stopping at `most` survivors changes none of them.
    """
    n = len(score)
    order = np.arange(n)
    for i in range(1, n):  # insertion sort: stable, and one pass over lists that are already sorted
        row = order[i]
        j = i - 1
        while j >= 0 and (
            score[order[j]] < score[row] or (score[order[j]] == score[row] and group[order[j]] > group[row])
        ):
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = row
    count = 0
    for row in order:
        if count == most:
            break
        survives = True
        for j in range(count):
            other = kept[j]
            if group[other] == group[row] and overlaps(start[other], end[other], start[row], end[row], threshold):
                survives = False
                break
        if survives:
            kept[count] = row
            count += 1
    return count


@compiled
def group_by_appearance(video: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number equal videos 0, 1, … in order of first appearance."""
    n = len(video)
    group = np.empty(n, np.int64)
    firsts = np.empty(n, np.int64)
    groups = 0
    for i in range(n):
        g = 0
        while g < groups and firsts[g] != video[i]:
            g += 1
        if g == groups:
            firsts[g] = video[i]
            groups += 1
        group[i] = g
    return group


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
    where = np.asarray(spans, np.float64).reshape(-1, 2)
    kept = np.empty(len(where), np.int64)
    count = suppress(
        group_by_appearance(np.asarray(video, np.int64)),
        np.ascontiguousarray(where[:, 0]),
        np.ascontiguousarray(where[:, 1]),
        np.asarray(score, np.float64),
        threshold,
        most,
        kept,
    )
    return kept[:count]
