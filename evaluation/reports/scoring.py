"""From a prediction file to the one small table: the rank of the first hit per query, task and threshold."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.protocol import ScoringOptions
from evaluation.metrics.ranked_lists import RETRIEVAL_TASKS
from evaluation.metrics.ranking import Ranks, RankTables
from evaluation.predictions.answers import align_answers, parse_answers, read_answers
from evaluation.predictions.errors import Findings
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.ids import QueryIds
from evaluation.predictions.reader import read_lists
from evaluation.predictions.validation import ListValidator
from evaluation.release import MomentQueries, Questions, ReleaseError

Rows = TypeVar("Rows", MomentQueries, Questions)


def rank_submission(
    source: PredictionFile, truth: MomentQueries, options: ScoringOptions, findings: Findings
) -> list[Ranks]:
    """Check and rank a moment submission. Raises PredictionError."""
    checker, tables = check_submission(source, truth, options, findings, rank=True)
    for task in RETRIEVAL_TASKS:
        findings.note("task_absent", task not in checker.tasks)
    return tables.ordered()


def check_submission(
    source: PredictionFile, truth: MomentQueries, options: ScoringOptions, findings: Findings, *, rank: bool
) -> tuple[ListValidator, RankTables]:
    """Read a whole submission; ranks stay empty with rank=False, which needs no truth. Raises PredictionError."""
    checker = ListValidator(truth, options.rules, findings, options.clamp, options.missing_is_miss)
    tables = RankTables(truth, options.nms, options.nms_rows_in, options.thresholds)
    ids = QueryIds(findings, truth.names, options.rules)
    for lists in read_lists(source, truth.videos, findings, ids):
        if rank and lists.task != "VR" and not truth.has_moments:
            findings.refuse("the truth says in which video, not when: expected VR alone", task=lists.task)
            break
        if options.withheld and lists.task == "SVMR":
            message = "the video of a query is withheld on this split: leave SVMR out"
            findings.refuse(message, task="SVMR", id=int(lists.desc_ids[0]))
            break
        queries = checker.check(lists)
        if rank and not findings.total:
            tables.add(lists, queries)
    checker.finish()
    findings.raise_if_any()
    return checker, tables


def settled(truth: MomentQueries, options: ScoringOptions, findings: Findings) -> MomentQueries:
    """The truth as it is scored on: clamped as predictions are, so that the truth itself scores 100."""
    if not options.clamp:
        return truth
    truth, outside = truth.within_reach()
    truth, count = truth.clamped()
    findings.note("truth_outside", outside)
    findings.note("truth_past_end", count)
    return truth


def score_answers(
    source: PredictionFile, truth: Questions, options: ScoringOptions, findings: Findings
) -> NDArray[np.bool_]:
    """Right or wrong [N] of a QA submission. Raises PredictionError."""
    answers = parse_answers(read_answers(source, findings), findings, truth.names)
    given = align_answers(answers, truth, options.rules, options.missing_is_miss, findings)
    findings.raise_if_any()
    return given == truth.answer


def chosen(ids: NDArray[np.int64], options: ScoringOptions) -> NDArray[np.bool_]:
    """Which queries [N] the numbers are made of. Raises ReleaseError where an id that is asked for is none of them."""
    if options.only is None:
        return np.ones(len(ids), bool)
    unknown = options.only.difference(ids.tolist())
    if unknown or not options.only:
        found = f"{min(unknown)} is not" if unknown else "no id is"
        raise ReleaseError(f"--only: {found} among the {len(ids)} ids of {options.split}")
    return np.isin(ids, list(options.only))


def require_truth(rows: Rows, split: str) -> Rows:
    """The rows of the split. Raises ReleaseError where this copy withholds their truth."""
    if not rows.has_truth:
        raise ReleaseError(
            f"the truth of {split} is not in this copy of the release: only a copy with held_out/ can score it"
        )
    return rows
