"""What is known of a whole file at once: one right answer a question, so many right places a text."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.special import expit, logsumexp

Floats = NDArray[np.float64]

_ROUNDS = 30


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


def beliefs(scores: NDArray[np.float64], texts: Sequence[NDArray[np.int64]], odds: Mapping[int, Floats]) -> Floats:
    """[n, o] scores that count what is known of whole texts; sum-product messages, damped, a fixed number of rounds.

    `scores` are log-chances of one right option a row; `texts` hold the flat places of each text, and `odds[k]` says
    how much likelier than by chance it is that 0 .. k ([k + 1]) of the k places of a text are right.
    """
    said = np.zeros(scores.size)  # log-odds that its text gives to each place
    by_count = {k: np.array([places for places in texts if len(places) == k]) for k in odds}
    for _ in range(_ROUNDS):
        total = scores + said.reshape(scores.shape)
        others = np.stack([logsumexp(np.delete(total, o, axis=1), axis=1) for o in range(scores.shape[1])], axis=1)
        heard = expit(scores - others).reshape(-1)
        for k, places in by_count.items():
            if len(places):
                said[places] = (said[places] + _from_texts(heard[places], odds[k])) / 2
    return scores + said.reshape(scores.shape)


def _from_texts(chance: Floats, odds: Floats) -> Floats:
    """[G, k] log-odds for each place of G texts, from the chances [G, k] of the other places."""
    k = chance.shape[1]
    found = np.empty_like(chance)
    for place in range(k):
        count = np.zeros((len(chance), k))  # chances that 0 .. k - 1 of the others are right
        count[:, 0] = 1
        for other in set(range(k)) - {place}:
            hit = chance[:, [other]]
            count = count * (1 - hit) + np.roll(count, 1, axis=1) * hit
        found[:, place] = np.log(count @ odds[1:]) - np.log(count @ odds[:-1])
    return found


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
