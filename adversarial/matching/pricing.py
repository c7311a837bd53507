"""Column generation's pricing pass: for every question the best answers at the present prices, over all legal pairs.

One blocked pass costs one matrix product; the similarity and the comparison of the answers are
computed only for pairs that could enter a question's list without them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import joblib
import numpy as np
from numpy.typing import NDArray

from adversarial.matching.kernels import Floats, Ints, dense, select
from adversarial.matching.problem import MatchingProblem

BLOCK = 128  # questions a block: its n x 128 product stays a few MB even at n = 40,000

ILLEGAL = np.float32(-np.inf)


@dataclass(frozen=True)
class Priced:
    """The lists of a pass: ``columns[i]`` are good answers for recipient i, unordered, -1 where there are fewer."""

    columns: Ints  # [m, K] places among the lenders
    weights: Floats  # [m, K] w_ij, without the prices
    best: NDArray[np.float64]  # [m] max over all legal j of w_ij - p_j; -inf where no answer is legal


def price(
    problem: MatchingProblem,
    prices: NDArray[np.float64],
    width: int,
    floor: NDArray[np.float64],
    known: NDArray[np.float64],
) -> Priced:
    """One pass over all pairs, in blocks that joblib hands to whatever backend is configured.

    Question i's list leaves out what is worth no more than ``floor[i]`` at these prices: enough such pairs are known,
    the best of them worth ``known[i]``.
    """
    n = problem.size
    columns = np.full((n, width), -1, np.int32)
    weights = np.full((n, width), ILLEGAL, np.float32)
    best = np.full(n, -np.inf)
    by_fold = list(blocks(problem.fold[problem.recipients]))
    for rows, block in zip(
        by_fold,
        joblib.Parallel()(
            joblib.delayed(price_block)(problem, rows, prices, width, floor[rows], known[rows]) for rows in by_fold
        ),
        strict=True,
    ):
        columns[rows], weights[rows], best[rows] = block
    return Priced(columns, weights, best)


def blocks(fold: Ints) -> Iterator[Ints]:
    """Row indices, at most BLOCK a block, all of one fold."""
    for index in np.unique(fold):
        rows = np.flatnonzero(fold == index).astype(np.int32)
        yield from (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def price_block(
    problem: MatchingProblem,
    rows: Ints,
    prices: NDArray[np.float64],
    width: int,
    floor: NDArray[np.float64],
    known: NDArray[np.float64],
) -> tuple[Ints, Floats, NDArray[np.float64]]:
    """The lists of some recipients of one fold: ([b, K] columns, [b, K] weights, [b] best priced value)."""
    asked = problem.recipients[rows]
    products, cheap = problem.products(asked), prices.astype(np.float32)
    found: tuple[Ints, Floats, NDArray[np.float64]]
    found = select(problem.pairs, products, asked, problem.lenders, cheap, width, floor, known)
    return found


def dense_rows(problem: MatchingProblem, rows: Ints) -> Floats:
    """w_ij of some questions of one fold with the answers of the lenders, -inf where it is not legal; [b, m]."""
    out: Floats = dense(problem.pairs, problem.products(rows), rows, problem.lenders)
    return out
