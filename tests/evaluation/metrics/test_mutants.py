"""Seventeen plausible mistakes, built into the scorer one at a time: the golden sets notice each of them.

A mutant is the source of iou.py, nms.py and ranking.py with one place changed, run uncompiled.
"""

import functools
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import evaluation
from evaluation.metrics.breakdown import moment_groups
from evaluation.metrics.definitions import percent, retrieval_metrics
from evaluation.metrics.ranked_lists import RankedLists
from evaluation.predictions.errors import Findings
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.reader import read_lists
from evaluation.predictions.validation import ListValidator
from evaluation.release import MomentQueries, read_moments, read_video_index
from tests.evaluation.metrics.golden_sets import (
    FOLDER,
    MISSING,
    VARIANTS,
    Variant,
    disagreements,
    set_names,
    survivor_files,
    write_index,
    wrong_survivors,
)

pytestmark = [pytest.mark.golden, pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING)]

Change = tuple[str, str]
UNCOMPILED = "helper = kernel = lambda function: function"
AS_ONE = "mode.is_svmr, low, n, scratch"
MUTANTS: dict[str, list[Change]] = {
    "hit with >": [("overlap >= mode.thresholds[passed]", "overlap > mode.thresholds[passed]")],
    "hits in float64": [
        ("spans.start.astype(np.float32)", "spans.start"),
        ("spans.end.astype(np.float32)", "spans.end"),
        ("np.array(thresholds, np.float32)", "np.array(thresholds)"),
        ("np.float32(lists.start[at]), np.float32(lists.end[at])", "lists.start[at], lists.end[at]"),
    ],
    "NMS with >=": [("other_start)) > threshold", "other_start)) >= threshold")],
    "NMS in float32": [
        (
            "overlaps(start[low + other], end[low + other], start[low + row], end[low + row], threshold)",
            "overlaps(*np.float32([x[low + y] for y in (other, row) for x in (start, end)]), threshold)",
        )
    ],
    "NMS in list order": [("while j >= 0 and (", "while False and (")],
    "unstable sort": [("score[low + order[j]] < score[low + i]", "score[low + order[j]] <= score[low + i]")],
    "ties across videos in list order": [("group[order[j]] > group[i]", "False")],
    "VCMR NMS over all videos at once": [(AS_ONE, "True, low, n, scratch")],
    "SVMR NMS per video": [(AS_ONE, "False, low, n, scratch")],
    "SVMR survivors keep their own video": [("video[low if mode.is_svmr and mode.use_nms else at]", "video[at]")],
    "cut to 100 before NMS": [("mode.rows_in if mode.use_nms else ROWS_KEPT", "ROWS_KEPT")],
    "50 kept after NMS": [("kept == ROWS_KEPT", "kept == (50 if mode.use_nms else ROWS_KEPT)")],
    "raw lists sorted by score": [
        (
            "scratch.order[k] if mode.use_nms else k",
            "(scratch.order if mode.use_nms else np.argsort(-lists.score[low:][:n], kind='stable'))[k]",
        )
    ],
    "no cap at 100": [
        ("mode.rows_in if mode.use_nms else ROWS_KEPT", "mode.rows_in if mode.use_nms else 10**6"),
        ("kept == ROWS_KEPT", "mode.use_nms and kept == ROWS_KEPT"),
    ],
    "SVMR rows of wrong videos take a rank": [("if right or not mode.is_svmr:", "if True:")],
    "repeated videos dropped in VR": [("at - first + 1", "len(set(lists.video[first : at + 1].tolist()))")],
    "NMS touches zero-length spans": [
        (
            "if inter <= 0.0:\n        return False",
            "if inter <= 0.0:\n        return start == other_start == end == other_end",
        )
    ],
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_golden_set_notices_the_mutant(name: str, tmp_path: Path) -> None:
    assert noticed(MUTANTS[name], tmp_path)


def test_the_scorer_itself_is_not_noticed(tmp_path: Path) -> None:
    assert not noticed([], tmp_path)


def noticed(changes: list[Change], tmp_path: Path) -> bool:
    _, nms, ranking = mutant(changes)
    return any(
        disagreements(name, variant, scores(ranking, name, variant, tmp_path))
        for name in set_names()
        for variant in VARIANTS
    ) or any(wrong_survivors(path, nms.nms) for path in survivor_files())


def mutant(changes: list[Change]) -> list[types.ModuleType]:
    """`iou`, `nms` over it and `ranking` over both, with the changes made; each must apply somewhere."""
    folder = Path(evaluation.__file__).parent
    modules = []
    missed = set(changes)
    for name in ("iou", "nms", "ranking"):
        text = (folder / f"metrics/{name}.py").read_text()
        text = re.sub(r"from evaluation.kernels.aot import .*", UNCOMPILED, text)
        text = re.sub(r"from evaluation.metrics.(iou|nms) ", r"from mutant_\1 ", text)
        for old, new in changes:
            if old in text:
                text = text.replace(old, new)
                missed.discard((old, new))
        module = types.ModuleType(f"mutant_{name}")
        sys.modules[module.__name__] = module  # dataclasses look their module up
        exec(compile(text, f"mutant_{name}.py", "exec"), module.__dict__)
        modules.append(module)
    assert not missed, "the source has changed: this mutant no longer mutates anything"
    return modules


def scores(
    ranking: types.ModuleType, name: str, variant: Variant, tmp_path: Path
) -> dict[tuple[str, str | None], float]:
    truth, stream = submission(name, tmp_path)
    tables = ranking.RankTables(truth, () if variant.nms is None else (variant.nms,), variant.rows_in)
    for lists, queries in stream():
        tables.add(lists, queries)
    values: dict[tuple[str, str | None], float] = {}
    for ranks in tables.tables.values():
        for metric in retrieval_metrics(ranks):
            values[metric.key, None] = metric.value
            for group in moment_groups(truth):
                values[metric.key, group.name] = percent(metric.values[group.inside])
    return values


@functools.cache
def submission(name: str, tmp_path: Path) -> tuple[MomentQueries, Callable[[], Iterator[tuple[RankedLists, Any]]]]:
    index = read_video_index(write_index(name, tmp_path / f"{name}.json"))["val"]
    truth = read_moments(FOLDER / f"{name}.gt.jsonl", index)

    def stream() -> Iterator[tuple[RankedLists, Any]]:
        findings = Findings(name)
        checker = ListValidator(truth, "official", findings, clamp=False)
        for lists in read_lists(PredictionFile(FOLDER / f"{name}.pred.json"), index, findings):
            yield lists, checker.check(lists)

    return truth, stream
