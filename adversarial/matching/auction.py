"""The assignment problem on a sparse graph by auction with epsilon scaling (Bertsekas), prices kept between calls."""

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)
def auction(
    indptr: NDArray[np.int64],
    columns: NDArray[np.int32],
    weights: NDArray[np.float64],
    prices: NDArray[np.float64],
    epsilons: NDArray[np.float64],
) -> NDArray[np.int32]:
    """Assign every row its own column; within ``n * epsilons[-1]`` of the best. Changes ``prices`` in place.

    The graph must hold a perfect matching (the caller gives every row an edge to its own column).
    """
    n = len(indptr) - 1
    assigned = np.full(n, np.int32(-1), np.int32)
    owner = np.full(n, np.int32(-1), np.int32)
    waiting = np.empty(n, np.int32)
    for epsilon in epsilons:
        for row in range(n):
            assigned[row] = -1
            owner[row] = -1
            waiting[row] = n - 1 - row
        left = n
        while left:
            row = waiting[left - 1]
            left -= 1
            best, second = -np.inf, -np.inf
            target = np.int32(-1)
            for edge in range(indptr[row], indptr[row + 1]):
                value = weights[edge] - prices[columns[edge]]
                if value > best:
                    second = best
                    best = value
                    target = columns[edge]
                elif value > second:
                    second = value
            if second == -np.inf:
                second = best - 1.0
            prices[target] += best - second + epsilon
            loser = owner[target]
            if loser >= 0:
                assigned[loser] = -1
                waiting[left] = loser
                left += 1
            owner[target] = row
            assigned[row] = target
    return assigned
