"""One-to-one matching of questions and answers to a certified optimum, without ever holding all pairs.

Column generation: solve on a sparse graph, take its prices, look through *all* legal pairs for better ones (one
blocked pass, see pricing.py), add them, solve again. Linear programming duality gives the certificate: for any
prices p the optimum over all legal pairs is at most ``sum_i max_j (w_ij - p_j) + sum_j p_j``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from adversarial.matching.auction import auction
from adversarial.matching.kernels import Floats, Ints
from adversarial.matching.pricing import Priced, keep_ceilings, price
from adversarial.matching.problem import MatchingProblem
from adversarial.matching.reserve import assign_reserve
from adversarial.matching.warm_start import SMALLEST, prices_from, sampled_rows

UNMATCHED = -25.0  # nats: what a question without a match costs; a pair that is worth less is none
_CAPS = (1.0, 2.0)  # nats: early on, staying unmatched costs no more than this below the best edge
_WIDTH = 64
_MAX_PASSES = 40
_SAMPLE_TOLERANCE = 1e-3  # nats per question: the sample knows the prices no better than that


@dataclass(frozen=True)
class Matching:
    """``columns[i]`` is the answer that question i is given, or i itself where it stays unmatched or wants none.

    All sums are over the questions that want one, in nats: ``value <= optimum <= upper_bound``.
    """

    columns: Ints  # [n]
    weights: NDArray[np.float64]  # [n], UNMATCHED where the question has none
    prices: NDArray[np.float64]  # [n] the duals of the last solve, 0 for answers that were not to be had
    wanted: int  # questions that want one
    value: float
    upper_bound: float
    passes: int
    edges: int

    @property
    def gap(self) -> float:
        """The certificate: nats per question that a better matching could gain at the very most."""
        return max(0.0, self.upper_bound - self.value) / max(1, self.wanted)


def solve_matching(
    problem: MatchingProblem,
    tolerance: float = 5e-5,
    prices: NDArray[np.float64] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Matching:
    """The best one-to-one matching over all legal pairs, to ``tolerance`` nats per question.

    ``prices`` [n] of an earlier round are a good start for the next. Where there are not as many lenders as
    recipients, it is solved densely and exactly.
    """
    if len(problem.lenders) != problem.size:
        columns, weights = assign_reserve(problem, UNMATCHED)
        value = float(weights[problem.recipients].sum())
        return Matching(columns, weights, np.zeros(len(columns)), problem.size, value, value, 1, problem.size)
    start = _first_prices(problem, tolerance) if prices is None else prices[problem.lenders]
    return _global(problem, _solve(problem, tolerance, start, progress))


@dataclass(frozen=True)
class _Local:
    """A Matching by places among recipients and lenders: ``columns[k]`` is -1 where recipient k stays unmatched."""

    columns: Ints
    weights: NDArray[np.float64]
    prices: NDArray[np.float64]
    upper: float
    passes: int
    edges: int


def _global(problem: MatchingProblem, found: _Local) -> Matching:
    n = len(problem.fold)
    columns, weights, prices = np.arange(n, dtype=np.int32), np.full(n, UNMATCHED), np.zeros(n)
    matched = found.columns >= 0
    columns[problem.recipients[matched]] = problem.lenders[found.columns[matched]]
    weights[problem.recipients] = found.weights
    prices[problem.lenders] = found.prices
    value = float(found.weights.sum())
    return Matching(columns, weights, prices, problem.size, value, found.upper, found.passes, found.edges)


def _solve(
    problem: MatchingProblem,
    tolerance: float,
    prices: NDArray[np.float64],
    progress: Callable[[float], None] | None = None,
) -> _Local:
    n = problem.size
    graph = _Graph(n)
    upper, value = np.inf, -np.inf
    columns, weights = np.full(n, -1, np.int32), np.full(n, UNMATCHED)
    passes, kept = 0, keep_ceilings(problem)
    while passes < _MAX_PASSES:
        floor, known = graph.priced(prices)
        priced = price(problem, prices, min(_WIDTH, n), floor, known, kept)
        passes += 1
        best = np.maximum(priced.best, UNMATCHED - prices)
        upper = min(upper, float(best.sum() + prices.sum()))
        if progress:
            progress(passes / (passes + 3))
        if upper - value <= tolerance * n:
            break
        cap = _CAPS[passes - 1] if passes <= len(_CAPS) else -UNMATCHED
        if not graph.add(priced) and passes > len(_CAPS) + 1:
            break
        columns_now, weights_now = graph.solve(prices, cap, tolerance)
        if weights_now.sum() > value:
            columns, weights, value = columns_now, weights_now, float(weights_now.sum())
    return _Local(columns, weights, prices, upper, passes, len(graph.columns))


def _first_prices(problem: MatchingProblem, tolerance: float) -> NDArray[np.float64]:
    if problem.size < SMALLEST:
        return np.zeros(problem.size)
    places = sampled_rows(problem)
    found = _solve(problem.subset(places), max(tolerance, _SAMPLE_TOLERANCE), np.zeros(len(places)))
    matched = found.columns >= 0
    profits = found.weights[matched] - found.prices[found.columns[matched]]
    return prices_from(problem, places[matched], profits)


class _Graph:
    """The edges found so far, in rows, plus every row's edge to the column at its own place: staying unmatched."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.keys = np.zeros(0, np.int64)  # row * n + column, sorted
        self.columns = np.zeros(0, np.int32)
        self.weights = np.zeros(0, np.float32)
        self.indptr = np.zeros(n + 1, np.int64)

    def add(self, priced: Priced) -> int:
        """Take over the pairs of a pass; returns how many were new."""
        rows, slots = np.nonzero(priced.columns >= 0)
        keys = rows.astype(np.int64) * self.n + priced.columns[rows, slots]
        weights = priced.weights[rows, slots]
        legal = np.isfinite(weights)
        all_keys = np.concatenate([self.keys, keys[legal]])
        all_weights = np.concatenate([self.weights, weights[legal]])
        before = len(self.keys)
        self.keys, first = np.unique(all_keys, return_index=True)
        self.weights = all_weights[first]
        self.columns = (self.keys % self.n).astype(np.int32)
        self.indptr = np.searchsorted(self.keys, np.arange(self.n + 1, dtype=np.int64) * self.n)
        return len(self.keys) - before

    def priced(self, prices: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """For every row the _WIDTH-th best and the best known ``w_ij - p_j``; -inf where there is no such edge."""
        found: tuple[NDArray[np.float64], NDArray[np.float64]]
        found = _row_best(self.indptr, self.columns, self.weights, prices, _WIDTH)
        return found

    def solve(self, prices: NDArray[np.float64], cap: float, tolerance: float) -> tuple[Ints, NDArray[np.float64]]:
        """The best assignment on these edges (-1: unmatched), with its true weights; moves ``prices`` to its duals."""
        n = self.n
        counts = np.diff(self.indptr)
        best = np.full(n, -np.inf)
        filled = counts > 0
        if filled.any():
            best[filled] = np.maximum.reduceat(self.weights, self.indptr[:-1][filled])
        own = np.maximum(best - cap, UNMATCHED) if cap < -UNMATCHED else np.full(n, UNMATCHED)
        indptr = self.indptr + np.arange(n + 1)
        columns = np.empty(len(self.columns) + n, np.int32)
        weights = np.empty(len(columns))
        is_own = np.zeros(len(columns), bool)
        is_own[indptr[1:] - 1] = True
        columns[~is_own], weights[~is_own] = self.columns, self.weights
        columns[is_own], weights[is_own] = np.arange(n), own
        assigned = auction(indptr, columns, weights, prices, _epsilons(tolerance, cold=not prices.any()))
        keys = np.arange(n, dtype=np.int64) * n + assigned
        at = np.minimum(np.searchsorted(self.keys, keys), max(0, len(self.keys) - 1))
        matched = self.keys[at] == keys if len(self.keys) else np.zeros(n, bool)
        true = np.full(n, UNMATCHED)
        true[matched] = self.weights[at[matched]]
        return np.where(matched, assigned, -1).astype(np.int32), true


def _epsilons(tolerance: float, cold: bool) -> NDArray[np.float64]:
    steps = [0.3 if cold else 0.1]
    while steps[-1] > tolerance / 5:
        steps.append(max(steps[-1] / 4, tolerance / 5))
    return np.array(steps)


@numba.njit(cache=True, nogil=True)
def _row_best(
    indptr: NDArray[np.int64], columns: Ints, weights: Floats, prices: NDArray[np.float64], width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = len(indptr) - 1
    floor, best = np.full(n, -np.inf), np.full(n, -np.inf)
    for row in range(n):
        first, last = indptr[row], indptr[row + 1]
        if first == last:
            continue
        values = weights[first:last] - prices[columns[first:last]]
        best[row] = values.max()
        if last - first >= width:
            floor[row] = np.partition(values, len(values) - width)[len(values) - width]
    return floor, best
