"""What may be shown of a scoring. Where the truth is hidden, exact numbers would let a team fit it label by label."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from benchmark_site.leaderboard.models import Evaluation, Score

HIDDEN_DIGITS = 1
EXACT_DIGITS = 2
# A group of a few queries would give away single ones.
_SMALLEST_HIDDEN_GROUP = 10


@dataclass(frozen=True)
class ShownScore:
    """One metric as the outside sees it: percent, rounded on a split whose truth is hidden."""

    key: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    blind: float | None
    beats_blind: bool | None


def shown_scores(evaluation: Evaluation) -> list[ShownScore]:
    """The scores of an evaluation in the evaluator's order."""
    hidden = evaluation.submission.track.hides_truth
    return [shown_score(score, hidden) for score in evaluation.scores.all()]


def shown_score(score: Score, hidden: bool) -> ShownScore:
    values = {field.name: getattr(score, field.name) for field in dataclasses.fields(ShownScore)}
    return ShownScore(**(_rounded(values) if hidden else values))


def shown_breakdowns(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The metrics by kind of query, from the evaluator's report; on a hidden split without its small groups."""
    lines: list[dict[str, Any]] = (evaluation.report or {}).get("breakdowns", [])
    if not evaluation.submission.track.hides_truth:
        return lines
    return [_rounded(line) for line in lines if line["n"] >= _SMALLEST_HIDDEN_GROUP]


def shown_report(evaluation: Evaluation) -> dict[str, Any]:
    """The whole report for download, by the same rule."""
    report = dict(evaluation.report or {})
    if evaluation.submission.track.hides_truth:
        report["metrics"] = [_rounded(line) for line in report.get("metrics", [])]
        report["breakdowns"] = shown_breakdowns(evaluation)
    return report


def _rounded(line: dict[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, HIDDEN_DIGITS)
        if isinstance(value, float) and key in {"value", "low", "high", "blind"}
        else value
        for key, value in line.items()
    }
