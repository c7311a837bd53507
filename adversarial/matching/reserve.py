"""The exact matching where a reserve lends: its answers alone are given, each once over all rounds."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from adversarial.matching.kernels import Ints
from adversarial.matching.pricing import blocks, dense_rows
from adversarial.matching.problem import MatchingProblem


def assign_reserve(
    problem: MatchingProblem, recipients: Ints, lenders: Ints, unmatched: float
) -> tuple[Ints, NDArray[np.float64]]:
    """The best assignment of the lenders' answers to the recipients, exactly: (columns, weights) of Matching.

    A question without a legal answer keeps its own index and ``unmatched`` (nats). Whatever an earlier round gave to
    anybody is gone.
    """
    free = np.setdiff1d(lenders, problem.assigned)
    worth = np.empty((len(recipients), len(free)), np.float32)
    for block in blocks(problem.fold[recipients]):
        worth[block] = dense_rows(problem, recipients[block])[:, free]
    worth = np.maximum(worth, unmatched)
    asked, lent = linear_sum_assignment(worth, maximize=True)
    legal = worth[asked, lent] > unmatched
    asked, lent = asked[legal], lent[legal]
    columns, weights = np.arange(problem.size, dtype=np.int32), np.full(problem.size, unmatched)
    columns[recipients[asked]], weights[recipients[asked]] = free[lent], worth[asked, lent]
    return columns, weights
