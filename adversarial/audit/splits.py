"""How the audit splits items into training and test, so that a model without the video is measured and not fooled.

Matching makes every answer right once and wrong a few times. Were a question trained on and one that has its answer
as a negative tested on, a model would learn by heart that the text is right (or wrong) and do *worse* than chance: a
mirage that no participant meets, for matching never crosses splits. So a split is by video, and whatever a matched
negative ties to the other side is taken out of training.

Where every question says who wrote it, a split is by annotator as well (Geva et al. 2019): models learn people's
habits, and a benchmark's next questions are written by others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adversarial.data.schema import Item
from adversarial.learning.group_kfold import group_folds

KEPT = 0.4  # of the items; by video alone two folds keep half of them


@dataclass(frozen=True)
class AuditSplit:
    """Rows to train on and to test on, and the options that training must not see."""

    train: NDArray[np.int64]  # [n_train]
    test: NDArray[np.int64]  # [n_test]
    hidden: NDArray[np.bool_]  # [n, o] True: this option is not there while training


def audit_splits(items: Sequence[Item], sources: NDArray[np.int64], folds: int, seed: int) -> list[AuditSplit]:
    """One split for every fold; every item is tested exactly once. ``sources`` is what ``option_sources`` returns.

    No split trains on a video that it tests on; nor on an annotator, where all are known and each split keeps
    ``KEPT`` of the items to train on (few people who have all seen the same videos leave nothing).
    """
    videos = [item.video_id for item in items]
    annotators = [item.annotator for item in items]
    if None not in annotators:
        splits = list(_splits(list(map(str, annotators)), videos, sources, folds, seed))
        if len(splits) == folds and min(len(split.train) for split in splits) >= KEPT * len(items):
            return splits
    return list(_splits(videos, videos, sources, folds, seed))


def _splits(
    groups: Sequence[str], videos: Sequence[str], sources: NDArray[np.int64], folds: int, seed: int
) -> Iterator[AuditSplit]:
    n = len(videos)
    video = np.unique(videos, return_inverse=True)[1]
    fold = group_folds(groups, folds, seed)
    for index in range(int(fold.max()) + 1):
        testing = fold == index
        tied = np.zeros(max(n, int(sources.max(initial=0)) + 1), bool)
        tied[sources[testing][sources[testing] >= 0]] = True  # their right answers are wrong options under test
        train = ~testing & ~tied[:n] & ~np.isin(video, video[testing])
        tied[:n] |= testing
        hidden = (sources >= 0) & tied[np.maximum(sources, 0)]
        yield AuditSplit(np.flatnonzero(train), np.flatnonzero(testing), hidden)
