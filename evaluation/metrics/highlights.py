"""QVHighlights' own metrics (moment_detr, standalone_eval): several true windows a query, float64 throughout.

They stand beside ours under names of their own: AP asks that every window be found, once; R1 that the first be one.
"""

import numpy as np
from numpy.typing import NDArray

from evaluation.release import Windows

TIOUS = tuple(round(0.5 + 0.05 * n, 2) for n in range(10))
ROWS_READ = 10  # of a list, before they are put in the order of their scores


def window_tiou(windows: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU [P, G] of predicted [P, 2] with true windows [G, 2], in seconds; 0 where both are empty."""
    low = np.maximum(windows[:, None, 0], truth[None, :, 0])
    high = np.minimum(windows[:, None, 1], truth[None, :, 1])
    shared = np.maximum(high - low, 0.0)
    union = np.diff(windows, axis=1) + np.diff(truth, axis=1).T - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def average_precision(tiou: NDArray[np.float64], threshold: float) -> float:
    """AP, 0 to 1, of rows by falling score from their IoU [P, G] with the true windows, each of which counts once.

    Precision is interpolated: at each recall the best that any longer list reaches.
    """
    taken: set[int] = set()
    right = np.zeros(len(tiou))
    for row in np.flatnonzero(tiou.max(axis=1) >= threshold).tolist():
        by_fit = np.argsort(tiou[row])[::-1]
        free = next((place for place in by_fit.tolist() if tiou[row, place] >= threshold and place not in taken), None)
        if free is not None:
            taken.add(free)
            right[row] = 1.0
    if not taken:
        return 0.0
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best * right).sum() / tiou.shape[1])


class HighlightTable:
    """Per query [N]: `precision` [N, T] at each of TIOUS; `first`, the first row's IoU with the window it fits best."""

    def __init__(self, truth: Windows) -> None:
        self._truth = truth
        n = len(truth.offsets) - 1
        self.precision = np.zeros((n, len(TIOUS)))
        self.first = np.zeros(n)

    def add(self, query: int, windows: NDArray[np.float64], score: NDArray[np.float64]) -> None:
        """Rate the list of one query: windows [P, 2] in seconds in the list's order, larger scores are better."""
        part = slice(self._truth.offsets[query], self._truth.offsets[query + 1])
        truth = np.stack([self._truth.start[part], self._truth.end[part]], axis=1)
        tiou = window_tiou(windows[:ROWS_READ], truth)
        if len(tiou):
            self.first[query] = tiou[0].max()
            tiou = tiou[np.argsort(-score[:ROWS_READ], kind="stable")]
            self.precision[query] = [average_precision(tiou, threshold) for threshold in TIOUS]
