"""First prices for a large shard from the matching of a small part of it.

Complementary slackness: at the optimum ``p_j = max_i (w_ij - u_i)``, where ``u_i`` is what question i's match is
worth at the prices. A random tenth of the questions, matched among themselves, knows its u_i and so prices every
answer of the shard nearly right in a tenth of a pass, which saves column generation half of its passes.
"""

import numpy as np
from numpy.typing import NDArray

from adversarial.matching.kernels import Ints, bid
from adversarial.matching.pricing import blocks
from adversarial.matching.problem import MatchingProblem

SHARE = 10
SMALLEST = 4_000  # questions: below this a few passes more cost less than the sample


def sampled_rows(problem: MatchingProblem) -> Ints:
    """A tenth of the questions, ascending, the same for every problem of that size."""
    drawn = np.random.default_rng(0).permutation(problem.size)[: problem.size // SHARE]
    return np.sort(drawn).astype(np.int32)


def prices_from(
    problem: MatchingProblem, rows: Ints, columns: Ints, weights: NDArray[np.float64], prices: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[n] prices for all answers from a matching of ``rows`` among themselves (its columns, weights and prices)."""
    matched = columns != np.arange(len(rows))
    rows, profits = rows[matched], (weights - prices[columns])[matched]
    offers = np.full(problem.size, -np.inf, np.float32)
    for block in blocks(problem.fold[rows]):
        asked = rows[block]
        bid(problem.pairs, problem.products(asked), asked, profits[block].astype(np.float32), offers)
    known = np.isfinite(offers)
    return np.where(known, offers, offers[known].min() if known.any() else 0.0).astype(np.float64)
