"""The leak audit: whole and exact for those who collect, for everybody as much as the hidden split can bear.

Each attack is a fixed set of predictions scored on the hidden truth, so its score tells about that truth what a
submission's score would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmark_site.releases.models import Release
from evaluation.metrics.disclosure import interval, rounded

METRIC_NAMES = {
    "VCMR.R@1.tiou0.5.raw": "corpus moment R@1, tIoU 0.5",
    "VCMR.R@1.tiou0.7.raw": "corpus moment R@1, tIoU 0.7",
    "VR.R@1": "video R@1",
    "SVMR.R@1.tiou0.5.raw": "moment R@1, tIoU 0.5",
    "SVMR.R@1.tiou0.7.raw": "moment R@1, tIoU 0.7",
    "QA.accuracy": "accuracy",
}


FEWEST_FOR_FIGURES = 500
"""Hidden items of a task below which a sealed release prints verdicts alone. Which of eighty attacks is the worst of
its kind, what it reaches and which blind model comes next are some forty bits, by which anybody may choose among
truths: of 16 hidden answers 13 were found so; of 500 they are a twentieth."""


@dataclass(frozen=True)
class LeakRow:
    """One attack at the metric on which it gains most; percent, None where the split is too small to say anything."""

    attack: str
    kind: str
    task: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    without: float | None
    without_by: str
    leaks: bool


def leak_rows(leaks: dict[str, Any]) -> list[LeakRow]:
    """Every attack of an audit's report, each at its worst, exact: for whoever holds the truth anyway."""
    worst: dict[str, dict[str, Any]] = {}
    for row in leaks.get("rows", []):
        worst.setdefault(f"{row['task']} {row['attack']}", row)
    return [_row(row, exact=True) for row in worst.values()]


def public_rows(release: Release) -> list[LeakRow]:
    """What leaks, and else one row for each kind on each task: the worst attack, rounded, or the verdict alone.

    No more of them, nor in the order of their exact values: a vote of a hundred attacks weighed by what each reaches
    answers better than any of them.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in release.leaks.get("rows", []):
        found.setdefault((row["task"], row["attack"] if row["blocks"] else row["kind"]), row)
    sealed = release.hidden == Release.Hidden.SEALED
    rows = [
        _verdict(row) if sealed and row["n"] < FEWEST_FOR_FIGURES else _row(row, exact=False) for row in found.values()
    ]
    return sorted(rows, key=lambda row: (row.task, row.kind, row.attack))


def proofs(leaks: dict[str, Any]) -> dict[str, int]:
    """{name of a certain proof: hidden items that it gives away}."""
    return {name: len(ids) for name, ids in leaks.get("proofs", {}).items() if ids}


def waived(release: Release) -> dict[str, str]:
    """{attack: "reason (name)"} of the leaks that somebody answers for."""
    return {waiver.attack: f"{waiver.reason} ({waiver.name})" for waiver in release.waivers.all()}


def _row(row: dict[str, Any], *, exact: bool) -> LeakRow:
    if exact:
        value, low, high, without = (row[name] for name in ("value", "low", "high", "without"))
    else:
        value, without = rounded(row["value"], row["n"]), rounded(row["without"], row["n"])
        low, high = interval(value, row["n"])
    return LeakRow(
        attack=row["attack"],
        kind=row["kind"],
        task=row["task"],
        metric=METRIC_NAMES.get(row["metric"], row["metric"]),
        value=value,
        low=low,
        high=high,
        without=without,
        without_by=row["without_by"],
        leaks=row["blocks"],
    )


def _verdict(row: dict[str, Any]) -> LeakRow:
    """A leak by name, anything else by its kind."""
    return LeakRow(
        attack=row["attack"] if row["blocks"] else "all attacks of this kind",
        kind=row["kind"],
        task=row["task"],
        metric="",
        value=None,
        low=None,
        high=None,
        without=None,
        without_by="",
        leaks=row["blocks"],
    )
