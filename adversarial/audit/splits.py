"""How the audit splits items into training and test, so that a model without the video is measured and not fooled.

Matching makes every answer right once and wrong a few times. Were a question trained on and one that has its answer
as a negative tested on, a model would learn by heart that the text is right (or wrong) and do *worse* than chance: a
mirage that no participant meets, for matching never crosses splits. So a split is by video, and whatever a matched
negative ties to the other side is taken out of training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adversarial.data.schema import Item
from adversarial.learning.group_kfold import video_folds


@dataclass(frozen=True)
class AuditSplit:
    """Rows to train on and to test on, and the options that training must not see."""

    train: NDArray[np.int64]  # [n_train]
    test: NDArray[np.int64]  # [n_test]
    hidden: NDArray[np.bool_]  # [n, o] True: this option is not there while training


def audit_splits(items: Sequence[Item], sources: NDArray[np.int64], folds: int, seed: int) -> Iterator[AuditSplit]:
    """One split for every fold; every item is tested exactly once. ``sources`` is what ``option_sources`` returns."""
    n = len(items)
    fold = video_folds([item.video_id for item in items], folds, seed)
    for index in range(int(fold.max()) + 1):
        testing = fold == index
        tied = np.zeros(max(n, int(sources.max(initial=0)) + 1), bool)
        tied[sources[testing][sources[testing] >= 0]] = True  # their right answers are wrong options under test
        train = ~testing & ~tied[:n]
        tied[:n] |= testing
        hidden = (sources >= 0) & tied[np.maximum(sources, 0)]
        yield AuditSplit(np.flatnonzero(train), np.flatnonzero(testing), hidden)
