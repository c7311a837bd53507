"""Cross-validation by video: no video stands in two folds."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adversarial.data.errors import ItemError

MAX_SEED = 2**32 - 1001  # what every library takes, after the few steps added to it for folds and networks


def video_folds(videos: Sequence[str], folds: int, seed: int) -> NDArray[np.int32]:
    """The fold (0 to folds - 1) of every row, all rows of one video in the same, folds of nearly equal size.

    With fewer videos than folds there are as many folds as videos. A function of the set of rows and the seed.
    Raises ItemError for a seed that is not to be used.
    """
    check_seed(seed)
    counts = Counter(videos)
    names = sorted(counts)
    order = np.random.default_rng(seed).permutation(len(names))
    load = [0] * min(folds, len(names))
    fold: dict[str, int] = {}
    for index in order:
        name = names[index]
        fold[name] = load.index(min(load))
        load[fold[name]] += counts[name]
    return np.array([fold[video] for video in videos], np.int32)


def check_seed(seed: int) -> None:
    """Raises ItemError unless every random generator takes this seed."""
    if not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ItemError(f"seed: expected a whole number from 0 to {MAX_SEED}, got {seed!r}")
