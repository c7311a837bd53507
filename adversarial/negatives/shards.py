"""Which fold a question is matched in: inside its split, with its whole video, so that nothing leaks."""

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from adversarial.data.errors import ItemError
from adversarial.learning.group_kfold import video_parts

MIN_FOLD = 2  # a question alone has nobody to borrow from
MAX_FOLD = 40_000  # questions: what one process matches in about 1.5 GB
MAX_SEALED_FOLD = 8_000  # where a reserve lends, whose pairs are weighed densely: 4,000 x 4,000 in about 0.3 GB


def assign_folds(
    keys: Sequence[tuple[str, str]], max_fold: int, seed: int, sealed: AbstractSet[str] = frozenset()
) -> NDArray[np.int32]:
    """The fold of every ``(split, video)``: at most about ``max_fold`` questions, never over two splits.

    The splits in ``sealed`` have a reserve and smaller folds. A function of the set of keys, not of their order. Raises
    ItemError for a ``max_fold`` that leaves no choice.
    """
    if max_fold < MIN_FOLD:
        raise ItemError(f"max_fold: expected {MIN_FOLD} questions or more, got {max_fold}")
    members: dict[str, list[int]] = defaultdict(list)
    for index, (split, _) in enumerate(keys):
        members[split].append(index)
    folds = np.zeros(len(keys), np.int32)
    first = 0
    for split in sorted(members):
        rows = members[split]
        most = min(max_fold, MAX_SEALED_FOLD) if split in sealed else max_fold
        part = video_parts([keys[row][1] for row in rows], -(-len(rows) // most), seed)
        folds[rows] = first + part
        first += int(part.max()) + 1
    return folds
