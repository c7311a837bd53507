"""The scorer: predictions and truth in, one `Report` out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation import __version__
from evaluation.answers import MAX_QA_BYTES, match_answers, read_answers
from evaluation.baselines import (
    MOMENT_KINDS,
    NEEDS_TRAIN,
    QA_KINDS,
    BaselineError,
    moment_baseline,
    qa_baseline,
)
from evaluation.bootstrap import intervals
from evaluation.breakdown import Breakdown, moment_breakdowns, question_breakdowns
from evaluation.checks import NOTES, ListChecker, Rules
from evaluation.lists import RETRIEVAL_TASKS, Lists
from evaluation.metrics import Metric, qa_metrics, retrieval_metrics
from evaluation.problems import Findings, Problem
from evaluation.release import MomentQueries, Questions
from evaluation.retrieval import Ranks, RankTables
from evaluation.source import Source
from evaluation.submission import read_lists


@dataclass(frozen=True)
class Options:
    """How to score. `nms` are the tIoU thresholds of suppression; `nms_rows_in` rows of a list enter it."""

    split: str
    rules: Rules = "strict"
    missing_is_miss: bool = False
    seed: int = 0
    nms: tuple[float, ...] = (0.5,)
    nms_rows_in: int = 200
    clamp: bool = True


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
class Note:
    code: str
    count: int
    message: str


@dataclass
class Report:
    """Everything a scoring says; `as_dict` is the JSON that platform and users read."""

    task: str
    split: str
    rules: Rules
    seed: int
    n: int = 0
    predictions_sha256: str = ""
    manifest_sha256: str | None = None
    metrics: list[ScoredMetric] = field(default_factory=list)
    breakdowns: list[Breakdown] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    refused: list[Problem] | None = None
    evaluator_version: str = __version__

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def score_moments(
    source: Source, truth: MomentQueries, train: MomentQueries | None, options: Options, report: Report
) -> None:
    """Score a moment submission into `report`. Raises Refused, and then `report` holds no metric."""
    findings = Findings(source.name)
    checker = ListChecker(truth, options.rules, findings, options.clamp)
    tables = RankTables(truth, options.nms, options.nms_rows_in)
    for lists in read_lists(source, truth.videos, findings, allow_mark=options.rules == "official"):
        tables.add(lists, checker.check(lists))
    _check_complete(checker, options, findings)
    findings.raise_if_any()
    _fill(
        report,
        [metric for ranks in ordered(tables) for metric in retrieval_metrics(ranks)],
        truth.video,
        blind_retrieval(truth, train, options),
    )
    report.breakdowns = [line for ranks in ordered(tables) for line in moment_breakdowns(ranks, truth)]
    report.notes = _notes(findings)


def score_answers(source: Source, truth: Questions, train: Questions | None, options: Options, report: Report) -> None:
    """Score a QA submission into `report`. Raises Refused, and then `report` holds no metric."""
    findings = Findings(source.name)
    given = match_answers(
        read_answers(source.read_all(MAX_QA_BYTES), source.name),
        truth,
        options.rules,
        options.missing_is_miss,
        findings,
    )
    findings.raise_if_any()
    correct = given == truth.answer
    _fill(report, qa_metrics(correct), question_clusters(truth), blind_qa(truth, train, options))
    report.breakdowns = question_breakdowns(correct, truth)
    report.notes = _notes(findings)


def ordered(tables: RankTables) -> Iterator[Ranks]:
    for task in RETRIEVAL_TASKS:
        for (name, _), ranks in tables.tables.items():
            if name == task:
                yield ranks


def rank_lists(parts: Iterable[Lists], truth: MomentQueries, options: Options) -> RankTables:
    """Rank tables of lists that need no refusal (the project's own baselines)."""
    checker = ListChecker(truth, "official", Findings("-"))
    tables = RankTables(truth, options.nms, options.nms_rows_in)
    for lists in parts:
        tables.add(lists, checker.check(lists))
    return tables


def blind_retrieval(truth: MomentQueries, train: MomentQueries | None, options: Options) -> dict[str, float]:
    """Metric key -> best value any blind baseline reaches."""
    found = []
    for kind in MOMENT_KINDS:
        if train is not None or kind not in NEEDS_TRAIN:
            tables = rank_lists(moment_baseline(kind, truth, train, options.seed), truth, options)
            found += [metric for ranks in ordered(tables) for metric in retrieval_metrics(ranks)]
    return _best(found)


def blind_qa(truth: Questions, train: Questions | None, options: Options) -> dict[str, float]:
    found = []
    for kind in QA_KINDS:
        try:
            found += qa_metrics(qa_baseline(kind, truth, train, options.seed) == truth.answer)
        except BaselineError:
            continue  # what this baseline needs is not at hand: the others stand
    return _best(found)


def question_clusters(truth: Questions) -> NDArray[np.int64]:
    """Video of each question as 0..; a bare answer key names none, so each question stands alone."""
    if not truth.video:
        return np.arange(len(truth))
    return np.unique(truth.video, return_inverse=True)[1].astype(np.int64)


def _best(found: Sequence[Metric]) -> dict[str, float]:
    best: dict[str, float] = {}
    for metric in found:
        value = metric.value
        if metric.key in best:
            value = (min if metric.lower_is_better else max)(value, best[metric.key])
        best[metric.key] = value
    return best


def _check_complete(checker: ListChecker, options: Options, findings: Findings) -> None:
    for task in checker.tasks:
        missing = checker.truth.desc_ids[checker.missing(task)].tolist()
        if options.missing_is_miss:
            findings.note("missing_query", len(missing))
            continue
        for desc_id in missing:
            findings.refuse("no list for this query (--missing=miss counts it as a miss)", task=task, id=desc_id)
    if not checker.tasks:
        findings.refuse(f"none of the tasks {', '.join(RETRIEVAL_TASKS)}")


def _fill(report: Report, metrics: Sequence[Metric], clusters: NDArray[np.int64], blind: dict[str, float]) -> None:
    dense = np.unique(clusters, return_inverse=True)[1]
    for metric, (low, high) in zip(metrics, intervals(metrics, dense, report.seed), strict=True):
        value, bar = metric.value, blind.get(metric.key)
        beats = None if bar is None else bool(value < bar if metric.lower_is_better else value > bar)
        report.metrics.append(
            ScoredMetric(
                metric.key,
                metric.task,
                metric.name,
                metric.tiou,
                metric.nms,
                value,
                low,
                high,
                len(metric.values),
                bar,
                beats,
            )
        )


def _notes(findings: Findings) -> list[Note]:
    return [Note(code, count, NOTES[code]) for code, count in findings.counts.items()]
