"""Adversaries that other packages bring: whoever doubts ours adds a model to the audit without touching this code.

A package names them in its ``pyproject.toml``::

    [project.entry-points."adversarial.blind_models"]
    my_model = "my_package.model:scores"

``scores(items, split, seed)`` trains on ``items[split.train]``, whose options ``split.hidden`` are not to be seen, and
returns [len(split.test), o] scores of the options of ``items[split.test]``, the highest for the one it takes.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

import numpy as np
from numpy.typing import NDArray

from adversarial.audit.splits import AuditSplit
from adversarial.data.errors import ItemError
from adversarial.data.schema import Item

GROUP = "adversarial.blind_models"

Scores = NDArray[np.float64]
Member = Callable[[Sequence[Item], AuditSplit, int], Scores]


def installed_members() -> dict[str, Member]:
    """By name, in its order."""
    return {point.name: point.load() for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)}


def member_scores(
    name: str, member: Member, items: Sequence[Item], splits: Sequence[AuditSplit], most: int, seed: int
) -> Scores:
    """[n, most] of every item from the split that tests it, -inf where there is no option.

    Raises ItemError, naming the member, for scores of another shape or that are not numbers.
    """
    counts = np.array([len(item.answers) for item in items])
    present = np.arange(most) < counts[:, None]
    scores = np.full((len(items), most), -np.inf)
    for number, split in enumerate(splits):
        found = np.asarray(member(items, split, seed + number), np.float64)
        if found.shape != (len(split.test), most) or not np.isfinite(found[present[split.test]]).all():
            raise ItemError(
                f"blind model {name!r}: gave scores of shape {list(found.shape)}, expected finite ones of shape "
                f"{[len(split.test), most]}"
            )
        scores[split.test] = np.where(present[split.test], found, -np.inf)
    return scores
