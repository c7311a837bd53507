"""Which shard a question is matched in: inside its split, with its whole video, so that nothing leaks."""

from collections import defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from adversarial.data.errors import ItemError
from adversarial.learning.group_kfold import group_folds

MIN_SHARD = 2  # a question alone has nobody to take an answer from
MAX_SHARD = 40_000  # questions: what one process matches in about 1.5 GB
MAX_RESERVE_SHARD = 8_000  # where a reserve lends, whose pairs are weighed densely: 4,000 x 4,000 in about 0.3 GB


def assign_shards(
    keys: Sequence[tuple[str, str]], max_fold: int, seed: int, reserved: AbstractSet[str] = frozenset()
) -> NDArray[np.int32]:
    """The shard of every ``(split, video)``: at most about ``max_fold`` questions, never over two splits.

    The splits in ``reserved`` have a reserve and smaller shards. A function of the set of keys, not of their order.
    Raises ItemError for a ``max_fold`` that leaves no choice.
    """
    if max_fold < MIN_SHARD:
        raise ItemError(f"max_fold: expected {MIN_SHARD} questions or more, got {max_fold}")
    members: dict[str, list[int]] = defaultdict(list)
    for index, (split, _) in enumerate(keys):
        members[split].append(index)
    shards = np.zeros(len(keys), np.int32)
    first = 0
    for split in sorted(members):
        rows = members[split]
        most = min(max_fold, MAX_RESERVE_SHARD) if split in reserved else max_fold
        part = group_folds([keys[row][1] for row in rows], -(-len(rows) // most), seed)
        shards[rows] = first + part
        first += int(part.max()) + 1
    return shards
