"""The report of one scoring: provenance, metrics with intervals and blind bars, breakdowns, curves, notes.

`Report.as_dict` is the JSON that the platform stores and users read; full precision, percent, nothing rounded.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation import __version__
from evaluation.metrics.baseline_bar import answer_baseline_bar, moment_baseline_bar
from evaluation.metrics.bootstrap import VideoBootstrap, question_clusters
from evaluation.metrics.breakdown import Group, moment_groups, question_groups
from evaluation.metrics.definitions import Metric, all_metrics, percent, qa_metrics
from evaluation.metrics.protocol import THRESHOLDS, Rules, ScoringOptions
from evaluation.metrics.ranking import Ranks
from evaluation.predictions.errors import Findings, Problem
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.validation import NOTES
from evaluation.release import MomentQueries, Questions, Release, Task
from evaluation.reports.scoring import chosen, rank_submission, require_truth, score_answers, settled

CURVE_RANKS = (1, 2, 3, 5, 10, 20, 50, 100)
CURVE_THRESHOLD = 0.7  # of recall against K
CURVE_RANK = 1  # of recall against tIoU


@dataclass(frozen=True)
class ScoredMetric:
    """One line of a report; percent, but ranks for median_rank. `blind`: the best blind baseline's value."""

    key: str
    task: str
    name: str
    tiou: float | None
    nms: float | None
    value: float
    low: float
    high: float
    n: int
    blind: float | None
    beats_blind: bool | None


@dataclass(frozen=True)
class Breakdown:
    """A metric (percent) over the `n` queries of one group."""

    key: str
    by: str
    group: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class CurvePoint:
    """Recall (percent) at `x`: rank K at tIoU 0.7 (`by` "k"; any tIoU for VR), or tIoU at rank 1 (`by` "tiou")."""

    task: str
    nms: float | None
    by: str
    x: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Note:
    """Something odd that was accepted, and how often."""

    code: str
    count: int
    message: str


@dataclass
class Report:
    """Everything a scoring says. `refused` is None where it was scored."""

    task: str
    split: str
    rules: Rules
    seed: int
    n: int = 0
    predictions_sha256: str = ""
    manifest_sha256: str | None = None
    metrics: list[ScoredMetric] = field(default_factory=list)
    breakdowns: list[Breakdown] = field(default_factory=list)
    curves: list[CurvePoint] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    refused: list[Problem] | None = None
    evaluator_version: str = __version__

    def note(self, code: str) -> None:
        """Note what holds for every query."""
        self.notes.append(Note(code, self.n, NOTES[code]))

    def as_dict(self) -> dict[str, Any]:
        """The JSON of the report."""
        return asdict(self)


def score(release: Release, predictions: str | Path, options: ScoringOptions, *, task: Task = "moment") -> Report:
    """The whole report of a prediction file on a split of a release, as `python -m evaluation score --json` writes it.

    Raises PredictionError where the file cannot be scored, ReleaseError where the release cannot score it.
    """
    report = Report(task, options.split, options.rules, options.seed, manifest_sha256=release.manifest_sha256)
    source = PredictionFile(Path(predictions))
    try:
        if task == "moment":
            queries = require_truth(release.moments(options.split), options.split)
            report_moments(report, source, queries, release.moments("train"), options, details=True)
        else:
            questions = require_truth(release.questions(options.split), options.split)
            report_answers(report, source, questions, release.questions("train"), options, details=True)
        report.predictions_sha256 = source.sha256()
    finally:
        source.close()
    note_standing(report, release)
    return report


def note_standing(report: Report, release: Release | None) -> None:
    """Note where nothing vouches for the truth, or a hidden split is not sealed."""
    if release is None:
        report.note("no_release")
    elif report.split == "test" and release.hidden == "shared":
        report.note("not_sealed")


def report_moments(
    report: Report,
    source: PredictionFile,
    truth: MomentQueries,
    train: MomentQueries | None,
    options: ScoringOptions,
    *,
    details: bool,
) -> None:
    """Score a moment submission into `report`; `details` adds breakdowns and curves. Raises PredictionError."""
    inside = chosen(truth.desc_ids, options)
    report.n = int(inside.sum())
    findings = Findings(source.name)
    truth = settled(truth, options, findings)
    tables = rank_submission(source, truth, options, findings)
    bootstrap = VideoBootstrap(truth.video[inside], options.seed)
    metrics = [metric.within(inside) for metric in all_metrics(tables)]
    report.metrics = _scored(metrics, bootstrap, moment_baseline_bar(truth, train, options, inside))
    if details:
        recalls = [metric for metric in metrics if metric.name.startswith("R@")]
        report.breakdowns = _breakdowns(recalls, moment_groups(truth), bootstrap, inside)
        report.curves = [point for ranks in tables for point in _curves(ranks, bootstrap, inside)]
    report.notes = _notes(findings)


def report_answers(
    report: Report,
    source: PredictionFile,
    truth: Questions,
    train: Questions | None,
    options: ScoringOptions,
    *,
    details: bool,
) -> None:
    """Score a QA submission into `report`; `details` adds breakdowns. Raises PredictionError."""
    inside = chosen(truth.qids, options)
    report.n = int(inside.sum())
    findings = Findings(source.name)
    metrics = [metric.within(inside) for metric in qa_metrics(score_answers(source, truth, options, findings))]
    bootstrap = VideoBootstrap(question_clusters(truth)[inside], options.seed)
    report.metrics = _scored(metrics, bootstrap, answer_baseline_bar(truth, train, options, inside))
    if details:
        report.breakdowns = _breakdowns(metrics, question_groups(truth), bootstrap, inside)
    report.notes = _notes(findings)


def _scored(metrics: Sequence[Metric], bootstrap: VideoBootstrap, blind: dict[str, float]) -> list[ScoredMetric]:
    lines = []
    for metric, (low, high) in zip(metrics, bootstrap.intervals(metrics), strict=True):
        value, bar = metric.value, blind.get(metric.key)
        beats = None if bar is None else bool(value < bar if metric.lower_is_better else value > bar)
        place = (metric.key, metric.task, metric.name, metric.tiou, metric.nms)
        lines.append(ScoredMetric(*place, value, low, high, len(metric.values), bar, beats))
    return lines


def _breakdowns(
    metrics: Sequence[Metric], groups: Sequence[Group], bootstrap: VideoBootstrap, inside: NDArray[np.bool_]
) -> list[Breakdown]:
    lines = []
    for group in groups:
        members = group.inside[inside]
        if not members.any():
            continue
        bounds = bootstrap.mean_intervals([metric.values for metric in metrics], members)
        for metric, (low, high) in zip(metrics, bounds, strict=True):
            values = metric.values[members]
            lines.append(Breakdown(metric.key, group.by, group.name, percent(values), low, high, len(values)))
    return lines


def _curves(ranks: Ranks, bootstrap: VideoBootstrap, inside: NDArray[np.bool_]) -> list[CurvePoint]:
    at = ranks.at(None if ranks.task == "VR" else CURVE_THRESHOLD)
    points = [("k", float(k), _within(at, k)) for k in CURVE_RANKS]
    if ranks.task != "VR":
        points += [("tiou", threshold, _within(ranks.at(threshold), CURVE_RANK)) for threshold in THRESHOLDS]
    points = [(by, x, values[inside]) for by, x, values in points]
    bounds = bootstrap.mean_intervals([values for _, _, values in points])
    return [
        CurvePoint(ranks.task, ranks.nms, by, x, percent(values), low, high)
        for (by, x, values), (low, high) in zip(points, bounds, strict=True)
    ]


def _within(rank: NDArray[np.int16], k: int) -> NDArray[np.float64]:
    return ((rank > 0) & (rank <= k)).astype(np.float64)


def _notes(findings: Findings) -> list[Note]:
    return [Note(code, count, NOTES[code]) for code, count in findings.counts.items()]
