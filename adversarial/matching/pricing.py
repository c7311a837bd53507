"""Column generation's pricing pass: for every question the best answers at the present prices, over all legal pairs.

One blocked pass costs one matrix product, whose outcome a small shard keeps for the passes after; the similarity and
the comparison of the answers are computed only for pairs that could enter a question's list without them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import joblib
import numpy as np
from numpy.typing import NDArray

from adversarial.matching.kernels import Ceilings, Floats, Ints, ceilings, dense, select
from adversarial.matching.problem import MatchingProblem

KEPT_BYTES = 2**28  # of ceilings kept between passes: 7,300 questions
BLOCK = 512  # questions a block: its products with n = 40,000 answers are 80 MB; narrower ones cost BLAS half again

ILLEGAL = np.float32(-np.inf)


@dataclass(frozen=True)
class Priced:
    """The lists of a pass: ``columns[i]`` are good answers for recipient i, unordered, -1 where there are fewer."""

    columns: Ints  # [m, K] places among the lenders
    weights: Floats  # [m, K] w_ij, without the prices
    best: NDArray[np.float64]  # [m] max over all legal j of w_ij - p_j; -inf where no answer is legal


def keep_ceilings(problem: MatchingProblem) -> list[Ceilings] | None:
    """What the answers are worth at most, block by block; None where that is too large or the passes run elsewhere."""
    _, workers = joblib.parallel.get_active_backend()
    if workers not in (None, 1) or 5 * problem.size * len(problem.lenders) > KEPT_BYTES:
        return None
    return [_ceilings(problem, problem.recipients[rows]) for rows in blocks(problem.fold[problem.recipients])]


def _ceilings(problem: MatchingProblem, asked: Ints) -> Ceilings:
    found: Ceilings = ceilings(problem.pairs, problem.products(asked), asked, problem.lenders)
    return found


def price(
    problem: MatchingProblem,
    prices: NDArray[np.float64],
    width: int,
    floor: NDArray[np.float64],
    known: NDArray[np.float64],
    kept: Sequence[Ceilings] | None = None,
) -> Priced:
    """One pass over all pairs, in blocks that joblib hands to whatever backend is configured.

    Question i's list leaves out what is worth no more than ``floor[i]`` at these prices: enough such pairs are known,
    the best of them worth ``known[i]``. ``kept`` are the blocks' ceilings, if they are known.
    """
    n = problem.size
    columns = np.full((n, width), -1, np.int32)
    weights = np.full((n, width), ILLEGAL, np.float32)
    best = np.full(n, -np.inf)
    by_fold = list(blocks(problem.fold[problem.recipients]))
    tasks = (
        joblib.delayed(price_block)(problem, rows, prices, width, floor[rows], known[rows], tops)
        for rows, tops in zip(by_fold, kept or repeat(None, len(by_fold)), strict=True)
    )
    for rows, block in zip(by_fold, joblib.Parallel()(tasks), strict=True):
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
    tops: Ceilings | None = None,
) -> tuple[Ints, Floats, NDArray[np.float64]]:
    """The lists of some recipients of one fold: ([b, K] columns, [b, K] weights, [b] best priced value)."""
    asked = problem.recipients[rows]
    tops, cheap = _ceilings(problem, asked) if tops is None else tops, prices.astype(np.float32)
    found: tuple[Ints, Floats, NDArray[np.float64]]
    found = select(problem.pairs, tops, asked, problem.lenders, cheap, width, floor, known)
    return found


def dense_rows(problem: MatchingProblem, rows: Ints) -> Floats:
    """w_ij of some questions of one fold with the answers of the lenders, -inf where it is not legal; [b, m]."""
    out: Floats = dense(problem.pairs, problem.products(rows), rows, problem.lenders)
    return out
