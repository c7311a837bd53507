"""Lending from a reserve: questions that are published nowhere lend their right answers to those that are.

Inside one file a lent answer is right in one question and wrong in another, and whoever reads the whole file can tell
which. An answer of the reserve is right nowhere in the file, as long as its text stands in no published option either.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from adversarial.data.schema import Item
from adversarial.matching.pricing import blocks, dense_rows
from adversarial.matching.problem import Ints, Pool
from adversarial.text.normalise import canonical


def idle(items: Sequence[Item]) -> set[str | int]:
    """The ids of reserve items that do not lend: their right answer stands in a published option of their split.

    Of several that say the same, the first by its id lends: a text that is lent twice is wrong twice.
    """
    known = {(item.split, canonical(answer)) for item in items if not item.reserve for answer in item.answers}
    found = set()
    for item in sorted((item for item in items if item.reserve), key=lambda item: item.sort_key):
        name = item.split, canonical(item.correct)
        if name in known:
            found.add(item.qid)
        known.add(name)
    return found


def assign(pool: Pool, unmatched: float) -> tuple[Ints, NDArray[np.float64]]:
    """The best lending of the pool's lenders to its borrowers, exactly; (columns [n], weights [n]) as in Matching.

    A question without a legal answer keeps its own index and ``unmatched`` (nats). Whatever an earlier round lent to
    anybody is gone.
    """
    assert pool.lenders is not None
    assert pool.borrowers is not None
    borrowers = pool.borrowers
    free = np.setdiff1d(pool.lenders, pool.taken)
    worth = np.empty((len(borrowers), len(free)), np.float32)
    for block in blocks(pool.part[borrowers]):
        worth[block] = dense_rows(pool, borrowers[block])[:, free]
    worth = np.maximum(worth, unmatched)
    asked, lent = linear_sum_assignment(worth, maximize=True)
    legal = worth[asked, lent] > unmatched
    asked, lent = asked[legal], lent[legal]
    columns, weights = np.arange(pool.size, dtype=np.int32), np.full(pool.size, unmatched)
    columns[borrowers[asked]], weights[borrowers[asked]] = free[lent], worth[asked, lent]
    return columns, weights
