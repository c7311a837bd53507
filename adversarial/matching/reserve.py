"""The exact matching where a reserve lends: its answers alone are given, each once over all rounds."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from adversarial.matching.kernels import Ints
from adversarial.matching.pricing import blocks, dense_rows
from adversarial.matching.problem import MatchingProblem


def assign_reserve(problem: MatchingProblem, unmatched: float) -> tuple[Ints, NDArray[np.float64]]:
    """The best assignment of the lenders' answers to the recipients, exactly: (columns, weights) of Matching.

    A question without a legal answer keeps its own index and ``unmatched`` (nats).
    """
    recipients, free = problem.recipients, problem.lenders
    worth = np.empty((len(recipients), len(free)), np.float32)
    for block in blocks(problem.fold[recipients]):
        worth[block] = dense_rows(problem, recipients[block])
    worth = np.maximum(worth, unmatched)
    asked, lent = linear_sum_assignment(worth, maximize=True)
    legal = worth[asked, lent] > unmatched
    asked, lent = asked[legal], lent[legal]
    columns, weights = np.arange(len(problem.fold), dtype=np.int32), np.full(len(problem.fold), unmatched)
    columns[recipients[asked]], weights[recipients[asked]] = free[lent], worth[asked, lent]
    return columns, weights
