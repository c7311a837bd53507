"""Column generation's pricing pass: for every question the best answers at the present prices, over all legal pairs.

One blocked pass costs one matrix product of the relevance vectors; the similarity, the guard and the logarithms are
computed only for pairs whose upper bound can still enter a question's list.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import joblib
import numpy as np
from numpy.typing import NDArray

from adversarial.matching.kernels import dense, select
from adversarial.matching.problem import Floats, Ints, Pool

BLOCK = 128  # questions a block: its n x 128 product stays a few MB even at n = 40,000

ILLEGAL = np.float32(-np.inf)


@dataclass(frozen=True)
class Priced:
    """The lists of a pass: ``columns[i]`` are good answers for question i, unordered, -1 where there are fewer."""

    columns: Ints  # [n, K]
    weights: Floats  # [n, K] w_ij, without the prices
    best: NDArray[np.float64]  # [n] max over all legal j of w_ij - p_j; -inf where no answer is legal


def price(
    pool: Pool,
    prices: NDArray[np.float64],
    width: int,
    floor: NDArray[np.float64],
    known: NDArray[np.float64],
) -> Priced:
    """One pass over all pairs, in blocks that joblib hands to whatever backend is configured.

    Question i's list leaves out what is worth no more than ``floor[i]`` at these prices: enough such pairs are known,
    the best of them worth ``known[i]``.
    """
    n = pool.size
    columns = np.full((n, width), -1, np.int32)
    weights = np.full((n, width), ILLEGAL, np.float32)
    best = np.full(n, -np.inf)
    by_part = list(blocks(pool.part))
    for rows, block in zip(
        by_part,
        joblib.Parallel()(
            joblib.delayed(price_block)(pool, rows, prices, width, floor[rows], known[rows]) for rows in by_part
        ),
        strict=True,
    ):
        columns[rows], weights[rows], best[rows] = block
    return Priced(columns, weights, best)


def blocks(part: Ints) -> Iterator[Ints]:
    """Row indices, at most BLOCK a block, all of one part."""
    for index in np.unique(part):
        rows = np.flatnonzero(part == index).astype(np.int32)
        yield from (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def price_block(
    pool: Pool,
    rows: Ints,
    prices: NDArray[np.float64],
    width: int,
    floor: NDArray[np.float64],
    known: NDArray[np.float64],
) -> tuple[Ints, Floats, NDArray[np.float64]]:
    """The lists of some questions of one part: ([b, K] columns, [b, K] weights, [b] best priced value)."""
    products = pool.questions[rows] @ pool.answers[pool.part[rows[0]]].T  # [b, n]
    return select(products, rows, prices.astype(np.float32), width, floor, known, *pair_arrays(pool))


def dense_rows(pool: Pool, rows: Ints) -> Floats:
    """w_ij of some questions of one part with every answer, -inf where the pair is not legal; [b, n]."""
    products = pool.questions[rows] @ pool.answers[pool.part[rows[0]]].T
    out: Floats = dense(products, rows, *pair_arrays(pool))
    return out


def pair_arrays(pool: Pool) -> tuple[object, ...]:
    """What the kernels need beside the products to weigh a pair."""
    constants = np.array(
        [pool.rel_slope, pool.rel_bias, pool.sim_slope, pool.sim_bias, pool.lam, pool.near], np.float32
    )
    return (
        constants, pool.embeddings, pool.video, pool.question_id, pool.answer_id, pool.asks_for, pool.profiles,
        pool.asked, pool.others, pool.taken,
    )  # fmt: skip
