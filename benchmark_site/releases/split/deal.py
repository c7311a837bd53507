"""Dealing the hidden videos of a sealed release to the tasks: each serves one of them, for ever.

A question about a clip tells of the clip what a moment query about it asks for, so no hidden clip serves both tasks;
nor do two clips of one video, whose pictures and words are neighbours. What is collected for the other task is the
reserve.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

MOMENT, QA = "moment", "qa"
TASKS = (MOMENT, QA)
SALT = "hero-bench-sealed/1:"  # one for all releases: the ledger outlives each of them
FLOOR = 10  # published items of a task: with fewer, one item moves a score by more than ten points

Loads = Mapping[str, Mapping[str, int]]
"""What was collected of each hidden video: {video: {"moment": queries, "qa": questions}}."""


def deal_videos(loads: Loads, ledger: Mapping[str, str]) -> dict[str, str]:
    """The task of each hidden video of `loads` that the ledger does not hold.

    A video without questions serves moments. The others come in the order of a salted hash; each goes where the
    published shares of queries, of questions and of videos end closest to one half: questions that are kept lend their
    answers to those that are published, so half of them are kept also where no query needs it. Without any query all
    serve questions.
    """
    if not any(load.get(MOMENT) for load in loads.values()):
        return {video: QA for video in loads if video not in ledger}
    shares = _Shares()
    for video in loads.keys() & ledger.keys():
        shares.add(loads[video], ledger[video])
    dealt: dict[str, str] = {}
    for video in sorted(loads.keys() - ledger.keys(), key=lambda video: _draw(video, loads)):
        tasks = TASKS if loads[video].get(QA) else (MOMENT,)
        dealt[video] = min(tasks, key=lambda task: shares.cost_with(loads[video], task))
        shares.add(loads[video], dealt[video])
    return dealt


def too_few(loads: Loads, tasks: Mapping[str, str]) -> dict[str, int]:
    """{task: published items} of the tasks that have items but publish fewer than FLOOR, given each video's task."""
    collected: Counter[str] = Counter()
    published: Counter[str] = Counter()
    for video, load in loads.items():
        collected.update(load)
        published[tasks[video]] += load.get(tasks[video], 0)
    return {task: published[task] for task in TASKS if collected[task] and published[task] < FLOOR}


def _draw(video: str, loads: Loads) -> tuple[bool, bytes, str]:
    """Videos without a choice first, so that the others can even them out."""
    return bool(loads[video].get(QA)), hashlib.sha256((SALT + video).encode()).digest(), video


class _Shares:
    """Running counts of what was collected and what of it is published."""

    def __init__(self) -> None:
        self.collected: Counter[str] = Counter()
        self.published: Counter[str] = Counter()
        self.videos: Counter[str] = Counter()

    def add(self, load: Mapping[str, int], task: str) -> None:
        self.collected.update(load)
        self.published[task] += load.get(task, 0)
        self.videos[task] += 1

    def cost_with(self, load: Mapping[str, int], chosen: str) -> float:
        """Sum of squared distances from one half, were a video with this load given to `chosen`."""
        cost = ((self.videos[chosen] + 1) / (self.videos.total() + 1) - 0.5) ** 2
        for task in TASKS:
            total = self.collected[task] + load.get(task, 0)
            shown = self.published[task] + (load.get(task, 0) if task == chosen else 0)
            cost += (shown / total - 0.5) ** 2 if total else 0.0
        return cost
