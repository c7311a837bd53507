"""Ranks and metrics against a plain reading of their definitions."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.definitions import RANK_OF_A_MISS, rank_values, retrieval_metrics
from evaluation.metrics.nms import nms
from evaluation.metrics.protocol import THRESHOLDS
from evaluation.metrics.ranked_lists import RankedLists
from evaluation.metrics.ranking import RankTables
from evaluation.release import MomentQueries, VideoIndex

VIDEOS = VideoIndex([f"v{n}" for n in range(4)], np.arange(4) + 10, np.full(4, 50.0))

time = st.integers(0, 100).map(lambda n: n / 2)
row = st.tuples(st.integers(0, 3), time, time, st.integers(0, 5).map(float))
row_lists = st.lists(st.lists(row, min_size=1, max_size=130), min_size=1, max_size=5)


def truth_of(n: int, seed: int) -> MomentQueries:
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 80, n) / 2
    return MomentQueries(
        np.arange(n),
        [""] * n,
        np.full(n, "v"),
        rng.integers(0, 4, n),
        start,
        start + rng.integers(1, 20, n) / 2,
        VIDEOS,
    )


def lists_of(task: str, rows: list[list[tuple[int, float, float, float]]]) -> RankedLists:
    flat = np.array([row for query in rows for row in query], float)
    return RankedLists(
        task,
        np.arange(len(rows)),
        np.concatenate([[0], np.cumsum([len(query) for query in rows])]),
        flat[:, 0].astype(np.int64),
        flat[:, 1].copy(),
        flat[:, 2].copy(),
        flat[:, 3].copy(),
    )


def plain_rank(task: str, rows: list[Any], video: int, start: float, end: float, threshold: float) -> int:
    """Rank of the first hit, 0 for none, straight from the definition."""
    rank = 0
    for row in rows[:100]:
        if task == "SVMR" and row[0] != video:
            continue
        rank += 1
        if row[0] == video and (task == "VR" or float32_tiou(row[1:3], (start, end)) >= np.float32(threshold)):
            return rank
    return 0


def float32_tiou(a: Any, b: Any) -> np.float32:
    (s, e), (s2, e2) = np.float32(a), np.float32(b)
    hull = max(e, e2) - min(s, s2)
    return max(np.float32(0), min(e, e2) - max(s, s2)) / hull if hull else np.float32(0)


def plain_suppressed(task: str, rows: list[Any]) -> list[Any]:
    rows = rows[:200]
    if task == "SVMR":
        rows = [(rows[0][0], *row[1:]) for row in rows]
    table = np.array(rows, float)
    return [rows[n] for n in nms(table[:, 0].astype(int), table[:, 1:3], table[:, 3])]


@given(row_lists, st.integers(0, 1000), st.sampled_from(["VCMR", "SVMR", "VR"]))
def test_ranks_equal_the_plain_loop(rows: list[Any], seed: int, task: str) -> None:
    truth = truth_of(len(rows), seed)
    tables = RankTables(truth)
    tables.add(lists_of(task, rows), np.arange(len(rows)))
    for (_, state), ranks in tables.tables.items():
        for query, given_rows in enumerate(rows):
            counted = given_rows if state is None else plain_suppressed(task, given_rows)
            place = (int(truth.video[query]), truth.start[query], truth.end[query])
            thresholds = (0.5,) if task == "VR" else THRESHOLDS
            assert ranks.first_hit[query].tolist() == [plain_rank(task, counted, *place, t) for t in thresholds]


@given(row_lists, st.integers(0, 1000), st.sampled_from(["VCMR", "SVMR"]))
def test_recall_grows_with_k_and_falls_with_the_threshold(rows: list[Any], seed: int, task: str) -> None:
    tables = RankTables(truth_of(len(rows), seed))
    tables.add(lists_of(task, rows), np.arange(len(rows)))
    for ranks in tables.tables.values():
        hit = [[((r > 0) & (r <= k)).mean() for k in range(1, 101)] for r in ranks.first_hit.T]
        assert (np.diff(hit, axis=1) >= 0).all()
        assert (np.diff(hit, axis=0) <= 0).all()


def test_values_of_ranks() -> None:
    values = rank_values(np.array([1, 3, 0, 100], np.int16))
    assert values["R@1"].tolist() == [1, 0, 0, 0]
    assert values["R@5"].tolist() == [1, 1, 0, 0]
    assert values["R@100"].tolist() == [1, 1, 0, 1]
    assert values["MRR"].tolist() == [1, 1 / 3, 0, 0.01]
    assert values["nDCG"].tolist() == [1, 0.5, 0, 1 / math.log2(101)]
    assert values["median_rank"].tolist() == [1, 3, RANK_OF_A_MISS, 100]


def test_the_first_answer_counts_for_mean_tiou_and_rows_of_other_videos_count_as_zero() -> None:
    truth = MomentQueries(
        np.arange(2),
        ["", ""],
        np.array(["v", "v"]),
        np.array([1, 1]),
        np.array([0.0, 0.0]),
        np.array([4.0, 4.0]),
        VIDEOS,
    )
    rows = [[(1, 0.0, 2.0, 1.0)], [(2, 0.0, 4.0, 1.0), (1, 0.0, 4.0, 0.5)]]
    tables = RankTables(truth)
    tables.add(lists_of("VCMR", rows), np.arange(2))
    metrics = {metric.key: metric for metric in retrieval_metrics(tables.tables["VCMR", None])}
    assert metrics["VCMR.mean_tiou.raw"].value == 25.0
    assert metrics["VCMR.median_rank.tiou0.5.raw"].value == 1.5
    assert metrics["VCMR.R@1.tiou0.5.raw"].value == 50.0


@pytest.mark.parametrize(("rows_in", "rank"), [(200, 2), (100, 0)])
def test_rows_behind_the_hundredth_reach_the_metrics_through_nms_alone(rows_in: int, rank: int) -> None:
    truth = MomentQueries(
        np.arange(1), [""], np.array(["v"]), np.array([1]), np.array([40.0]), np.array([44.0]), VIDEOS
    )
    copies = [(1, 0.0, 10.0 + n / 1000, 200.0 - n) for n in range(120)]
    tables = RankTables(truth, nms_rows_in=rows_in)
    tables.add(lists_of("SVMR", [[*copies, (1, 40.0, 44.0, 1.0)]]), np.arange(1))
    assert tables.tables["SVMR", None].at(0.5).tolist() == [0]
    assert tables.tables["SVMR", 0.5].at(0.5).tolist() == [rank]


@pytest.mark.parametrize("task", ["VCMR", "SVMR", "VR"])
@pytest.mark.parametrize(("before", "rank"), [(0, 1), (99, 100), (100, 0), (150, 0)])
def test_the_hundredth_row_is_the_last_that_counts(task: str, before: int, rank: int) -> None:
    """Raw and after NMS; the rows before it are no hits and do not suppress one another."""
    truth = MomentQueries(
        np.arange(1), [""], np.array(["v"]), np.array([1]), np.array([400.0]), np.array([401.0]), VIDEOS
    )
    others = [(1 if task == "SVMR" else 2, float(n), n + 1.0, 300.0 - n) for n in range(before)]
    tables = RankTables(truth)
    tables.add(lists_of(task, [[*others, (1, 400.0, 401.0, 1.0)]]), np.arange(1))
    for state in (None,) if task == "VR" else (None, 0.5):
        assert tables.tables[task, state].first_hit[0, 0] == rank, state
