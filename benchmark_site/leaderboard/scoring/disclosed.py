"""What may be shown of a scoring, to its own team as to everybody.

Where the truth is hidden, every number is a hint at it: participants see the metrics that the track reveals, rounded as
evaluation.metrics.disclosure has it, with intervals and verdicts that follow from the rounded values alone.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from benchmark_site.leaderboard.models import Evaluation, PrivateScore, Reveal, Score, Track
from benchmark_site.leaderboard.models.submissions import ScoreTable
from benchmark_site.leaderboard.scoring.deciding import is_told
from evaluation.metrics import disclosure
from evaluation.predictions.validation import NOTES_ON_TRUTH

# Not the hash of the predictions: of a few questions all possible files can be tried out, and somebody else's
# predictions with their score are a try more.
_PROVENANCE = ("task", "split", "rules", "seed", "n", "evaluator_version", "manifest_sha256")
# A group of a few queries would give away single ones.
_SMALLEST_HIDDEN_GROUP = 10


@dataclass(frozen=True)
class DisclosedScore:
    """One metric as the outside sees it: percent, rounded on a split whose truth is hidden.

    `part`: what of the split it is made of, "all", "public" or "private".
    """

    key: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    blind: float | None
    beats_blind: bool | None
    part: str


# Of a row of scores; its table tells the part.
FIELDS = [field.name for field in dataclasses.fields(DisclosedScore) if field.name != "part"]


def part_of(track: Track, kind: ScoreTable) -> str:
    """What of the split the scores of a table are made of: "all", "public" or "private"."""
    if not track.has_private_part:
        return "all"
    return "private" if kind is PrivateScore else "public"


def digits(track: Track) -> int:
    """For the filter `floatformat`: -1 writes a decimal only where there is one."""
    return -1 if track.hides_truth else 2


def disclosed_scores(evaluation: Evaluation) -> list[DisclosedScore]:
    """The scores of an evaluation that its track shows, in the evaluator's order."""
    track = evaluation.submission.track
    return [disclosed_score(score, track) for score in evaluation.scores.all() if track.shows(score.key)]


def disclosed_private_scores(evaluation: Evaluation) -> list[DisclosedScore]:
    """The same of the private part: none before the reveal, and then of those alone by which it has decided."""
    track = evaluation.submission.track
    if not is_told(evaluation.submission, timezone.now()):
        return []
    return [disclosed_score(score, track) for score in evaluation.private_scores.all() if track.shows(score.key)]


def disclosed_score(score: Score | PrivateScore, track: Track) -> DisclosedScore:
    """A score that the track shows."""
    return disclose({name: getattr(score, name) for name in FIELDS}, track, part_of(track, type(score)))


def disclose(exact: dict[str, Any], track: Track, part: str) -> DisclosedScore:
    """The same from the values of its FIELDS."""
    return DisclosedScore(**(_disclosed(exact, exact["n"]) if track.hides_truth else exact), part=part)


def disclosed_notes(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The evaluator's notes; on a hidden split without those that count something by the truth."""
    notes: list[dict[str, Any]] = (evaluation.report or {}).get("notes", [])
    hidden = NOTES_ON_TRUTH if evaluation.submission.track.hides_truth else set()
    return [note for note in notes if note["code"] not in hidden]


def disclosed_breakdowns(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The metrics by kind of query, from the evaluator's report; on a hidden split where the track reveals them."""
    lines: list[dict[str, Any]] = (evaluation.report or {}).get("breakdowns", [])
    track = evaluation.submission.track
    if not track.hides_truth:
        return lines
    if track.reveal != Reveal.REPORT:
        return []
    large = [line for line in lines if line["n"] >= _SMALLEST_HIDDEN_GROUP and track.shows(line["key"])]
    return [_disclosed(line, line["n"]) for line in large]


def disclosed_report(evaluation: Evaluation) -> dict[str, Any]:
    """The whole report for download, by the same rules; on a hidden split every number says of which part it is."""
    report: dict[str, Any] = evaluation.report or {}
    track = evaluation.submission.track
    if not track.hides_truth:
        return report
    part = {"part": part_of(track, Score)}
    curves = report.get("curves", []) if track.reveal == Reveal.REPORT else []
    shown = [line for line in report.get("metrics", []) if track.shows(line["key"])]
    private = [dataclasses.asdict(score) for score in disclosed_private_scores(evaluation)]
    return {key: report[key] for key in _PROVENANCE if key in report} | {
        "metrics": [_disclosed(line, line["n"]) | part for line in shown],
        **({"private_metrics": private} if private else {}),
        "breakdowns": [line | part for line in disclosed_breakdowns(evaluation)],
        "curves": [_disclosed(point, report["n"]) | part for point in curves],
        "notes": disclosed_notes(evaluation),
    }


def _disclosed(line: dict[str, Any], n: int) -> dict[str, Any]:
    """A line of a report as a hidden split may show it: nothing in it depends on more than the rounded numbers."""
    value = disclosure.rounded(line["value"], n)
    low, high = disclosure.interval(value, n)
    told = line | {"value": value, "low": low, "high": high}
    if "blind" in line:
        blind = disclosure.rounded(line["blind"], n)
        told |= {"blind": blind, "beats_blind": None if value is None or blind is None else value > blind}
    return told
