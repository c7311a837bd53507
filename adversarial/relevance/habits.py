"""Which traits of answers go with which of questions: pointwise mutual information, counted on other videos."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_FEWEST = 5  # times a trait must occur to be told from the others
_PRIOR = 2.0  # answers by the overall shares that are added to those counted for a question's trait


def numbered(traits: Sequence[str]) -> NDArray[np.int64]:
    """[n] a number for each trait from 0 on, the rare ones together under the last."""
    often = sorted(trait for trait, count in Counter(traits).items() if count >= _FEWEST)
    place = {trait: index for index, trait in enumerate(often)}
    return np.array([place.get(trait, len(often)) for trait in traits])


def information(asked: NDArray[np.int64], said: NDArray[np.int64], fold: Ints) -> Floats:
    """[n, m] log P(answer's trait | question's trait) / P(answer's trait) of each of m traits of answers.

    ``asked`` and ``said`` [n] number the traits of questions and of their right answers; row i is counted without
    fold[i].
    """
    width = int(said.max()) + 1
    found = np.empty((len(asked), width), np.float32)
    for index in np.unique(fold):
        seen = fold != index
        counts = np.zeros((int(asked.max()) + 1, width))
        np.add.at(counts, (asked[seen], said[seen]), 1)
        share = (counts.sum(axis=0) + _PRIOR / width) / (seen.sum() + _PRIOR)
        chance = (counts + _PRIOR * share) / (counts.sum(axis=1, keepdims=True) + _PRIOR)
        found[~seen] = np.log(chance / share)[asked[~seen]]
    return found
