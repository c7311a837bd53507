"""The split by video: an append-only greedy that never moves a video it has placed.

New videos come in the order of sha256(salt + id). Each goes to the split where the shares of all measures (videos,
and whatever the caller counts: clips, queries, questions) end closest to 80/10/10, everything placed before counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

TARGETS = {"train": 0.8, "val": 0.1, "test": 0.1}
SALT = "hero-bench-split/1:"  # one for all releases: the ledger outlives each of them


class SplitError(ValueError):
    """The videos cannot be split; the message says what is missing."""


def place_videos(loads: Mapping[str, Sequence[int]], ledger: Mapping[str, str]) -> dict[str, str]:
    """Splits for the videos of `loads` that the ledger does not hold, in the order in which it should take them.

    `loads` maps every video of this release to its counts, the same measures for each; videos of the ledger that
    are not among them (withdrawn ones) weigh nothing. Where there are enough videos, no split is left without one,
    nor without any of a measure's counts. Raises SplitError on a split that ends without a video.
    """
    filled = Shares(loads, ledger, TARGETS)
    placed: dict[str, str] = {}
    new = sorted(loads.keys() - ledger.keys(), key=_draw)
    waiting = [sum(bool(filled.counts_of[video][m]) for video in new) for m in range(filled.measures)]
    for video in new:
        counts = filled.counts_of[video]
        placed[video] = min(_candidates(filled, counts, waiting), key=lambda split: filled.cost_with(counts, split))
        filled.add(counts, placed[video])
        waiting = [left - bool(count) for left, count in zip(waiting, counts, strict=True)]
    empty = [split for split in TARGETS if not filled.totals[split][0]]
    if empty:
        raise SplitError(
            f"{len(loads)} videos leave {', '.join(empty)} without one: items of at least {len(TARGETS)} videos that "
            "were not all placed together before are needed"
        )
    return placed


def _draw(video: str) -> tuple[bytes, str]:
    return hashlib.sha256((SALT + video).encode()).digest(), video


class Shares:
    """Running counts per split and measure, beside the shares that are aimed at; measure 0 counts the videos."""

    def __init__(
        self, loads: Mapping[str, Sequence[int]], ledger: Mapping[str, str], targets: Mapping[str, float]
    ) -> None:
        self.targets = targets
        self.counts_of = {video: (1, *counts) for video, counts in loads.items()}
        self.measures = len(next(iter(self.counts_of.values()), (1,)))
        self.totals = {split: [0] * self.measures for split in targets}
        for video in loads.keys() & ledger.keys():
            self.add(self.counts_of[video], ledger[video])

    def add(self, counts: Sequence[int], split: str) -> None:
        self.totals[split] = [total + count for total, count in zip(self.totals[split], counts, strict=True)]

    def cost_with(self, counts: Sequence[int], chosen: str) -> float:
        """Sum of (share - target)² / target over measures and splits, were `counts` put into `chosen`."""
        cost = 0.0
        for measure, count in enumerate(counts):
            total = sum(totals[measure] for totals in self.totals.values()) + count
            for split, target in self.targets.items() if total else ():
                share = (self.totals[split][measure] + (count if split == chosen else 0)) / total
                cost += (share - target) ** 2 / target
        return cost


def _candidates(filled: Shares, counts: Sequence[int], waiting: Sequence[int]) -> list[str]:
    """The splits open to the next video.

    All, until the videos still waiting that carry a measure are no more than the splits that lack it.
    """
    candidates = list(TARGETS)
    for measure, count in enumerate(counts):
        lacking = [split for split in TARGETS if not filled.totals[split][measure]]
        if count and lacking and waiting[measure] <= len(lacking):
            candidates = [split for split in candidates if split in lacking] or candidates
    return candidates
