"""How the blind baselines are fitted."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.metrics.baselines import BaselineError, fit_best_span, fit_histogram, moment_baseline, qa_baseline
from evaluation.metrics.iou import tiou
from evaluation.release import MomentQueries, Questions, VideoIndex


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


def test_the_histogram_goes_round_the_corpus_once_for_each_of_its_spans() -> None:
    train = train_of([(0.0, 0.25), (0.0, 0.25), (0.5, 1.0)], duration=10.0)
    lists = {found.task: found for found in moment_baseline("histogram", train, train, 0)}
    for task in ("VCMR", "SVMR"):  # one clip: each list holds both spans, the fuller cell first
        spans = np.stack([lists[task].start[:2], lists[task].end[:2]], axis=1)
        assert spans.tolist() == [[0.0, 2.5], [5.0, 10.0]]
    for kind, needed in (("histogram", None), ("prior", None)):
        with pytest.raises(BaselineError, match="fitted on train"):
            moment_baseline(kind, train, needed, 0)


def questions_of(answers: list[int], options: list[tuple[str, ...]]) -> Questions:
    n = len(answers)
    return Questions(np.arange(n), ["?"] * n, options, ["v"] * n, np.full((n, 2), np.nan), np.array(answers))


def test_blind_answers_are_the_commonest_place_the_longest_option_or_a_draw() -> None:
    asked = questions_of([2, 0, 1], [("a", "bb", "c"), ("a", "b", "ccc"), ("aaaa", "b", "c")])
    train = questions_of([1, 1, 0], [("a", "b", "c")] * 3)
    assert qa_baseline("majority", asked, train, 0).tolist() == [1, 1, 1]
    assert qa_baseline("longest", asked, None, 0).tolist() == [1, 2, 0]
    for absent in (None, questions_of([-1, -1, -1], [("a", "b", "c")] * 3)):
        with pytest.raises(BaselineError, match="'majority' is fitted on train"):
            qa_baseline("majority", asked, absent, 0)
    with pytest.raises(BaselineError, match="'shortest' is unknown"):
        qa_baseline("shortest", asked, train, 0)
    many = questions_of([0] * 300, [("a", "b", "c", "d", "e")] * 300)
    assert set(qa_baseline("random", many, None, 0).tolist()) == set(range(5))
    bare = questions_of([0, 3, 1] * 100, [])
    assert set(qa_baseline("random", bare, None, 0).tolist()) == set(range(4))
    with pytest.raises(BaselineError, match="needs the text"):
        qa_baseline("longest", bare, None, 0)


def test_a_moment_without_length_fills_the_cell_that_it_stands_in() -> None:
    assert fit_histogram(train_of([(0.5, 0.5)])).shares.tolist() == [[0.5, 0.55]]
    assert fit_histogram(train_of([(1.0, 1.0)])).shares.tolist() == [[0.95, 1.0]]
