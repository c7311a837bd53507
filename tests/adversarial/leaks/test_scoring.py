"""The interval of a difference: what convicts, and what does not."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from adversarial.leaks.scoring import Attack, Trial, best_of, compare, difference


def test_interval_is_students_over_videos() -> None:
    """With one item a video it is the paired t-test, but for the variance of one item."""
    gaps = np.random.default_rng(0).normal(0.3, 1, 400)
    mean, radius = difference(gaps, np.arange(400), 1)
    low, high = ttest_1samp(gaps, 0).confidence_interval(0.95)
    assert (mean - radius, mean + radius) == pytest.approx((low * 100, high * 100), rel=0.02)


def test_more_comparisons_widen_it() -> None:
    gaps = np.tile([1.0, 1.0, 1.0, 0.0, 0.0, -1.0], 10)
    clusters = np.arange(60) // 3
    assert difference(gaps, clusters, 1)[1] < difference(gaps, clusters, 300)[1]


def test_items_of_one_video_count_as_one_witness() -> None:
    gaps = np.array([1.0] * 20 + [0.0] * 20)
    together, apart = np.repeat([0, 1], 20), np.arange(40)
    assert difference(gaps, together, 10)[1] > 50 > difference(gaps, apart, 10)[1]
    assert difference(gaps, np.zeros(40, np.int64), 1)[1] == 200.0


def test_few_equal_videos_are_no_certainty() -> None:
    gaps = np.tile([1.0, 0.0, 0.0], 6)
    mean, radius = difference(gaps, np.repeat(np.arange(6), 3), 60)
    assert radius > mean


def test_attack_is_held_against_the_best_that_can_be_had() -> None:
    right = {"weak": np.tile([1.0, 0.0, 0.0, 0.0], 10), "strong": np.tile([1.0, 1.0, 0.0, 0.0], 10)}
    without = best_of({name: {"QA.accuracy": values} for name, values in right.items()})
    attacks = [Attack(name, "file level", "qa", {"QA.accuracy": values}) for name, values in right.items()]
    attacks.append(Attack("leak", "file level", "qa", {"QA.accuracy": np.ones(40)}))
    rows = compare([Trial(np.arange(40) // 2, without, attacks)], seed=0)
    assert [(row["attack"], row["blocks"]) for row in rows] == [("leak", True), ("strong", False), ("weak", False)]
    assert {row["without_by"] for row in rows} == {"strong"}
    assert [row["difference"] for row in rows] == [50.0, 0.0, -25.0]
