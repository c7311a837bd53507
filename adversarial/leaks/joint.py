"""What is known of a whole file at once: one right answer a question, so many right places a text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

_ROUNDS = 50


def assign(
    rows: NDArray[np.int64], columns: NDArray[np.int64], scores: NDArray[np.float64], n: int
) -> NDArray[np.int64]:
    """Which entry each of `n` rows takes so that the sum of scores is largest and no column is taken twice; [n].

    Entries [E] are (row, column, score), no pair twice. A row that had better go without gets -1: each has a column
    of its own that costs more than any gain.
    """
    width = int(columns.max()) + 1
    costs = float(scores.max()) - scores + 1  # above 0: a stored 0 would be no entry
    dear = float(costs.max()) * 4 + 1
    every = np.arange(n)
    shape = n, width + n
    table = sparse.csr_matrix(
        (np.append(costs, np.full(n, dear)), (np.append(rows, every), np.append(columns, width + every))), shape
    )
    place, taken = min_weight_full_bipartite_matching(table)
    entry = {pair: index for index, pair in enumerate(zip(rows.tolist(), columns.tolist(), strict=True))}
    return np.array([entry.get(pair, -1) for pair in zip(place.tolist(), taken.tolist(), strict=True)], np.int64)


def scale(scores: NDArray[np.float64], group: NDArray[np.int64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chances [n, o] near softmax(scores) whose rows sum to 1 and whose groups sum to `totals` [G].

    `group` [n, o] says what each place counts towards, -1 for nothing. Iterative proportional fitting (Sinkhorn).
    """
    chance = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    bound = group >= 0
    member = group[bound]
    for _ in range(_ROUNDS):
        sums = np.bincount(member, weights=chance[bound], minlength=len(totals))
        chance[bound] *= (totals / np.maximum(sums, 1e-12))[member]
        chance /= np.maximum(chance.sum(axis=1, keepdims=True), 1e-12)
    return chance


def follow(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The best path through [N, V] that never steps back: a column for every row, [N]."""
    n, v = scores.shape
    came_from = np.empty((n, v), np.int32)
    best = np.zeros(v)
    columns = np.arange(v)
    for row in range(n):
        top = np.maximum.accumulate(best)
        came_from[row] = np.maximum.accumulate(np.where(best == top, columns, 0))
        best = top + scores[row]
    path = np.empty(n, np.int64)
    place = int(best.argmax())
    for row in range(n - 1, -1, -1):
        path[row] = place
        place = int(came_from[row, place])
    return path


def ranks(values: Sequence[float | int | str]) -> NDArray[np.int64]:
    """The place of every value in ascending order, ties in the order given."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    found = np.empty(len(values), np.int64)
    found[order] = np.arange(len(values))
    return found
