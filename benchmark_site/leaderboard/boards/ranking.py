"""Ranking: pure functions on plain data. Ranks are computed when a board is read, never stored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Entry:
    """One submission on a board, as ranking sees it. `value`: the primary metric, higher is better, None: has none."""

    key: str
    team: int
    value: float | None
    submitted: datetime
    baseline: bool = False

    @property
    def order(self) -> tuple[bool, float, datetime, str]:
        """Best first, then earlier first, then by key; a missing value after every other."""
        missing = self.value is None or math.isnan(self.value)
        return missing, 0.0 if missing else -float(self.value or 0.0), self.submitted, self.key


@dataclass(frozen=True)
class Ranked:
    """An entry with its rank; None where there is no value to rank."""

    rank: int | None
    entry: Entry


@dataclass(frozen=True)
class Step:
    """A moment at which the best value of a board rose, and by which entry."""

    at: datetime
    value: float
    key: str


def best_over_time(entries: Iterable[Entry]) -> list[Step]:
    """The steps by which the best value rose, oldest first."""
    steps: list[Step] = []
    for entry in sorted(entries, key=lambda entry: (entry.submitted, entry.key)):
        if entry.value is not None and (not steps or entry.value > steps[-1].value):
            steps.append(Step(entry.submitted, entry.value, entry.key))
    return steps


def best_per_team(entries: Iterable[Entry]) -> list[Entry]:
    """The best entry of each team. Baselines are systems, not tries of a team: every one stays."""
    best: dict[int, Entry] = {}
    kept = []
    for entry in sorted(entries, key=lambda entry: entry.order):
        if entry.baseline:
            kept.append(entry)
        elif entry.team not in best:
            best[entry.team] = entry
            kept.append(entry)
    return kept


def ranked(entries: Iterable[Entry]) -> Sequence[Ranked]:
    """Competition ranking: equal values share a rank and the next ranks are left out (1, 2, 2, 4)."""
    result: list[Ranked] = []
    for place, entry in enumerate(sorted(entries, key=lambda entry: entry.order), start=1):
        missing = entry.order[0]
        previous = result[-1] if result else None
        tied = previous is not None and previous.entry.value == entry.value
        rank = None if missing else previous.rank if tied and previous else place
        result.append(Ranked(rank, entry))
    return result
