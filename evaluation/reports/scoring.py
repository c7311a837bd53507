"""From a prediction file to the one small table: the rank of the first hit per query, task and threshold."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.definitions import Metric, retrieval_metrics
from evaluation.metrics.nms import NMS_ROWS_IN, NMS_THRESHOLD
from evaluation.metrics.ranked_lists import RETRIEVAL_TASKS, Lists
from evaluation.metrics.ranking import HEADLINE_THRESHOLDS, THRESHOLDS, Ranks, RankTables
from evaluation.predictions.answers import check_form, match_answers, read_answers
from evaluation.predictions.errors import Findings
from evaluation.predictions.file import Source
from evaluation.predictions.reader import read_lists
from evaluation.predictions.validation import ListChecker, Rules
from evaluation.release.reader import MomentQueries, Questions


@dataclass(frozen=True)
class Options:
    """How to score.

    `withheld` refuses SVMR: its lists stand on the video of each query, and a check of them tells that video.
    `nms` are the tIoU thresholds of suppression, `nms_rows_in` the rows of a list that enter it (100: the field's
    scripts, which cut first). `clamp` is False only for the field's own files under the field's own rules.
    `thresholds` are the tIoUs to rank at: metrics need HEADLINE_THRESHOLDS, curves all.
    """

    split: str
    rules: Rules = "strict"
    missing_is_miss: bool = False
    withheld: bool = False
    seed: int = 0
    nms: tuple[float, ...] = (NMS_THRESHOLD,)
    nms_rows_in: int = NMS_ROWS_IN
    clamp: bool = True
    thresholds: tuple[float, ...] = THRESHOLDS


def rank_submission(source: Source, truth: MomentQueries, options: Options, findings: Findings) -> list[Ranks]:
    """Check and rank a moment submission. Raises Refused."""
    checker, tables = check_submission(source, truth, options, findings, rank=True)
    for task in RETRIEVAL_TASKS:
        findings.note("task_absent", task not in checker.tasks)
    return ordered(tables)


def check_submission(
    source: Source, truth: MomentQueries, options: Options, findings: Findings, *, rank: bool
) -> tuple[ListChecker, RankTables]:
    """Read a whole submission; ranks stay empty with rank=False, which needs no truth. Raises Refused."""
    checker = ListChecker(truth, options.rules, findings, options.clamp)
    tables = RankTables(truth, options.nms, options.nms_rows_in, options.thresholds)
    for lists in read_lists(source, truth.videos, findings, allow_mark=options.rules == "official"):
        if options.withheld and lists.task == "SVMR":
            message = "the video of a query is withheld on this split: leave SVMR out"
            findings.refuse(message, task="SVMR", id=int(lists.desc_ids[0]))
            break
        queries = checker.check(lists)
        if rank and not findings.total:
            tables.add(lists, queries)
    checker.finish(options.missing_is_miss)
    findings.raise_if_any()
    return checker, tables


def rank_lists(parts: Iterable[Lists], truth: MomentQueries, options: Options) -> list[Ranks]:
    """Ranks of lists that hold places of videos and a list for every query in order (the project's own baselines)."""
    tables = RankTables(truth, options.nms, options.nms_rows_in, HEADLINE_THRESHOLDS)
    done = dict.fromkeys(RETRIEVAL_TASKS, 0)
    for lists in parts:
        first = done[lists.task]
        done[lists.task] += len(lists)
        tables.add(lists, np.arange(first, done[lists.task]))
    return ordered(tables)


def ordered(tables: RankTables) -> list[Ranks]:
    """Tables by task in the field's order, raw before NMS."""
    return [ranks for task in RETRIEVAL_TASKS for (name, _), ranks in tables.tables.items() if name == task]


def all_metrics(tables: Iterable[Ranks]) -> list[Metric]:
    """Every metric of every table, in order."""
    return [metric for ranks in tables for metric in retrieval_metrics(ranks)]


def judge_answers(source: Source, truth: Questions, options: Options, findings: Findings) -> NDArray[np.bool_]:
    """Right or wrong [N] of a QA submission. Raises Refused."""
    answers = check_form(read_answers(source), findings)
    given = match_answers(answers, truth, options.rules, options.missing_is_miss, findings)
    findings.raise_if_any()
    return given == truth.answer


def question_clusters(truth: Questions) -> NDArray[np.int64]:
    """Video of each question as a number; a bare answer key names none, so each question stands alone."""
    if not truth.video:
        return np.arange(len(truth))
    return np.unique(truth.video, return_inverse=True)[1].astype(np.int64)
