"""How the blind baselines are fitted."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.metrics.baselines import fit_best_span, fit_histogram
from evaluation.metrics.iou import tiou
from evaluation.release import MomentQueries, VideoIndex


def train_of(spans: list[tuple[float, float]], duration: float = 100.0) -> MomentQueries:
    """Queries of one clip with these spans as shares of it."""
    start, end = np.array(spans).T * duration
    n = len(spans)
    videos = VideoIndex(["v"], np.array([0]), np.array([duration]))
    return MomentQueries(np.arange(n), [""] * n, np.full(n, "v"), np.zeros(n, np.int64), start, end, videos)


LOOSE = [(0.1, 0.3), (0.2, 0.4), (0.05, 0.45)]  # from 0.1 to 0.4 hits all at 0.5, one of them at 0.7
TIGHT = [(0.8, 1.0)] * 3  # hit at both, or at neither


def test_the_best_span_counts_hits_at_five_and_at_seven_tenths() -> None:
    """At 0.5 alone the loose ones would be as good, and they come first."""
    (found,) = fit_best_span(train_of([*LOOSE, *TIGHT])).shares
    assert (tiou(found, TIGHT) >= 0.7).all()
    (found,) = fit_best_span(train_of([*LOOSE, *LOOSE, *TIGHT])).shares
    assert (tiou(found, LOOSE) >= 0.5).all()


@pytest.mark.parametrize("duration", [10.0, 60.0])
def test_a_span_on_the_grid_is_found_whatever_the_length_of_the_clip(duration: float) -> None:
    assert fit_histogram(train_of([(0.25, 0.5)], duration)).shares.tolist() == [[0.25, 0.5]]
    (found,) = fit_best_span(train_of([(0.25, 0.5)], duration)).shares
    assert tiou(found, (0.25, 0.5)) >= 0.7


def test_the_histogram_lists_the_fullest_cells_first() -> None:
    spans = [(0.5, 0.75), *[(0.0, 0.25)] * 3, *[(0.25, 1.0)] * 2]
    assert fit_histogram(train_of(spans)).shares.tolist() == [[0.0, 0.25], [0.25, 1.0], [0.5, 0.75]]
