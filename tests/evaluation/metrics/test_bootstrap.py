import numpy as np
import pytest

from evaluation.metrics.bootstrap import VideoBootstrap, question_clusters
from evaluation.metrics.compare import compare
from evaluation.metrics.definitions import Metric
from evaluation.release import Questions


def metric(values: np.ndarray, name: str = "R@1") -> Metric:
    return Metric(f"VR.{name}", "VR", name, None, None, values.astype(float))


def test_intervals_follow_the_seed_and_hold_the_value() -> None:
    rng = np.random.default_rng(0)
    clusters, values = np.repeat(np.arange(100), 5), rng.random(500) < 0.4
    first, again, other = (VideoBootstrap(clusters, seed).intervals([metric(values)])[0] for seed in (1, 1, 2))
    assert first == again != other
    assert first[0] < values.mean() * 100 < first[1]


def test_queries_of_one_video_are_not_independent() -> None:
    """Five equal queries a video tell no more than one: the interval is that of the videos."""
    rng = np.random.default_rng(0)
    per_video = rng.random(200) < 0.5
    low, high = VideoBootstrap(np.repeat(np.arange(200), 5), 0).intervals([metric(np.repeat(per_video, 5))])[0]
    alone_low, alone_high = VideoBootstrap(np.arange(1000), 0).intervals([metric(np.repeat(per_video, 5))])[0]
    assert (high - low) / (alone_high - alone_low) == pytest.approx(5**0.5, rel=0.15)


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for seed in range(200):
        low, high = VideoBootstrap(np.arange(80), seed).intervals([metric(rng.random(80) < 0.3)])[0]
        held += low <= 30 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_the_median_of_a_draw_is_the_median_of_its_queries() -> None:
    rng = np.random.default_rng(0)
    clusters, ranks = rng.integers(0, 12, 60), rng.integers(1, 102, 60).astype(float)
    bootstrap = VideoBootstrap(clusters, 0)
    medians = [
        np.median(np.repeat(ranks, weights[bootstrap.clusters].astype(int)))
        for weights in bootstrap.weights
        if weights[bootstrap.clusters].sum()
    ]
    assert bootstrap.median_intervals([ranks]) == [tuple(np.percentile(medians, [2.5, 97.5]))]


def test_the_same_predictions_cannot_be_told_apart() -> None:
    values = np.random.default_rng(0).random(100) < 0.5
    (line,) = compare([metric(values)], [metric(values)], VideoBootstrap(np.arange(100), 0))
    assert (line.difference, line.low, line.high, line.p, line.told_apart) == (0, 0, 0, 1, False)
    assert "cannot be told apart" in line.sentence()


def test_a_clear_difference_is_told_and_a_median_is_left_out() -> None:
    rng = np.random.default_rng(0)
    worse, better = rng.random(300) < 0.3, rng.random(300) < 0.6
    bootstrap = VideoBootstrap(np.repeat(np.arange(60), 5), 0)
    ranks = metric(np.full(300, 5), "median_rank")
    (line,) = compare([metric(worse), ranks], [metric(better), ranks], bootstrap)
    assert line.told_apart
    assert line.low < line.difference < line.high
    assert "B is better than A" in line.sentence()
    (back,) = compare([metric(better)], [metric(worse)], bootstrap)
    assert "A is better than B" in back.sentence()
    assert back.p == line.p


def test_the_sign_flip_keeps_its_level() -> None:
    """Of 300 comparisons without a difference about 5 % fall below 0.05."""
    rng = np.random.default_rng(1)
    bootstrap = VideoBootstrap(np.repeat(np.arange(40), 3), 0)
    gaps = [(rng.random(120) < 0.5).astype(float) - (rng.random(120) < 0.5) for _ in range(300)]
    share = np.mean(np.array(bootstrap.sign_flip(gaps)) < 0.05)
    assert 0.015 <= share <= 0.09


def test_questions_of_one_video_are_one_cluster_and_a_bare_key_has_none() -> None:
    def clusters(videos: list[str]) -> list[int]:
        nothing = np.full((3, 2), np.nan)
        return question_clusters(
            Questions(np.arange(3), ["?"] * 3, [], videos, nothing, np.zeros(3, np.int64))
        ).tolist()

    assert clusters(["b", "a", "b"]) == [1, 0, 1]
    assert clusters([]) == [0, 1, 2]
