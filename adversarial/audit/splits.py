"""How the audit cuts items into training and test so that a blind model is measured and not fooled.

Matching makes every answer right once and wrong a few times. Were a question trained on and the one that borrows its
answer tested on, a model would learn by heart that the text is right (or wrong) and do *worse* than chance: a mirage
that no participant meets, for matching never crosses splits. So a cut is by video, and whatever a borrowed answer
ties to the other side is taken out of training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adversarial.data.schema import Item
from adversarial.learning.group_kfold import video_parts


@dataclass(frozen=True)
class Cut:
    """Rows to train on and to test on, and the options that training must not see."""

    train: NDArray[np.int64]  # [n_train]
    test: NDArray[np.int64]  # [n_test]
    hidden: NDArray[np.bool_]  # [n, o] True: this option is not there while training


def sources(items: Sequence[Item], rows: Sequence[dict[str, Any]]) -> NDArray[np.int64]:
    """[n, o]: the index of the item whose right answer an option is; -1 for written ones.

    An item that is not there (removed since, or left out of a sample) gets an index from n on: what it lent ties the
    questions that borrowed it all the same.
    """
    place = {item.qid: index for index, item in enumerate(items)}
    most = max(len(item.answers) for item in items)
    found = np.full((len(items), most), -1, np.int64)
    for index, row in enumerate(rows):
        for option, entry in enumerate(row.get("options") or []):
            if isinstance(entry, dict) and entry.get("source") == "matched":
                found[index, option] = place.setdefault(entry["source_qid"], len(place))
    return found


def cuts(items: Sequence[Item], borrowed: NDArray[np.int64], parts: int, seed: int) -> Iterator[Cut]:
    """One cut for every part; every item is tested exactly once. ``borrowed`` is what ``sources`` returns."""
    n = len(items)
    part = video_parts([item.video_id for item in items], parts, seed)
    for index in range(int(part.max()) + 1):
        testing = part == index
        tied = np.zeros(max(n, int(borrowed.max(initial=0)) + 1), bool)
        tied[borrowed[testing][borrowed[testing] >= 0]] = True  # their right answers are wrong options under test
        train = ~testing & ~tied[:n]
        tied[:n] |= testing
        hidden = (borrowed >= 0) & tied[np.maximum(borrowed, 0)]
        yield Cut(np.flatnonzero(train), np.flatnonzero(testing), hidden)
