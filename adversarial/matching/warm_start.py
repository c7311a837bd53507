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
    """The places of a tenth of the recipients, ascending, the same for every problem of that size."""
    drawn = np.random.default_rng(0).permutation(problem.size)[: problem.size // SHARE]
    return np.sort(drawn).astype(np.int32)


def prices_from(problem: MatchingProblem, places: Ints, profits: NDArray[np.float64]) -> NDArray[np.float64]:
    """[m] prices for all lenders from what the match of the recipients at ``places`` [s] is worth to them [s]."""
    asked = problem.recipients[places]
    offers = np.full(problem.size, -np.inf, np.float32)
    for block in blocks(problem.fold[asked]):
        rows = asked[block]
        bid(problem.pairs, problem.products(rows), rows, problem.lenders, profits[block].astype(np.float32), offers)
    known = np.isfinite(offers)
    return np.where(known, offers, offers[known].min() if known.any() else 0.0).astype(np.float64)
