"""Cross-validation by groups, videos or annotators: none stands in two folds."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adversarial.data.errors import ItemError

MAX_SEED = 2**32 - 1001  # what every library takes, after the few steps added to it for folds and networks


def group_folds(groups: Sequence[str], folds: int, seed: int) -> NDArray[np.int32]:
    """The fold (0 to folds - 1) of every row, all rows of one group in the same, folds of nearly equal size.

    With fewer groups than folds there are as many folds as groups. A function of the set of rows and the seed.
    Raises ItemError for a seed that is not to be used.
    """
    check_seed(seed)
    counts = Counter(groups)
    names = sorted(counts)
    order = np.random.default_rng(seed).permutation(len(names))
    load = [0] * min(folds, len(names))
    fold: dict[str, int] = {}
    for index in order:
        name = names[index]
        fold[name] = load.index(min(load))
        load[fold[name]] += counts[name]
    return np.array([fold[group] for group in groups], np.int32)


def check_seed(seed: int) -> None:
    """Raises ItemError unless every random generator takes this seed."""
    if not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ItemError(f"seed: expected a whole number from 0 to {MAX_SEED}, got {seed!r}")
