"""What the checks of ranked lists do at the edges of a span and of a video."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.metrics.protocol import Rules
from evaluation.metrics.ranked_lists import RankedLists
from evaluation.predictions.errors import Findings
from evaluation.predictions.validation import ListValidator
from evaluation.release import MomentQueries, VideoIndex

VIDEOS = VideoIndex(["v0", "v1"], np.array([10, 11]), np.array([50.0, 50.0]))
TRUTH = MomentQueries(
    np.arange(1), [""], np.array(["v"]), np.array([1]), np.array([5.0]), np.array([9.0]), VIDEOS
)  # one query


def checked(
    start: float, end: float, rules: Rules = "strict", clamp: bool = True
) -> tuple[tuple[float, float], list[str], dict[str, int]]:
    """A list of one span, checked: (the span afterwards, messages of refusal, counts of what was accepted)."""
    lists = RankedLists(
        "VCMR", np.arange(1), np.array([0, 1]), np.array([11]), np.array([start]), np.array([end]), np.array([1.0])
    )
    findings = Findings("predictions.json")
    ListValidator(TRUTH, rules, findings, clamp).check(lists)
    span = float(lists.start[0]), float(lists.end[0])
    return span, [problem.message for problem in findings.problems], {k: n for k, n in findings.counts.items() if n}


@pytest.mark.parametrize(("start", "end"), [(0.0, 50.0), (7.0, 7.0), (0.0, 0.0), (50.0, 50.0)])
def test_spans_inside_the_video_are_left_alone_those_without_length_too(start: float, end: float) -> None:
    assert checked(start, end) == ((start, end), [], {})


def test_a_span_that_ends_before_it_starts() -> None:
    assert checked(7.0, 6.9) == ((7.0, 6.9), ["end 6.9 s is before start 7.0 s"], {})
    assert checked(7.0, 6.9, "official") == ((7.0, 6.9), [], {"reversed_span": 1})


def test_a_span_that_starts_before_the_video() -> None:
    assert checked(-0.1, 6.0) == ((-0.1, 6.0), ["start is -0.1 s: expected 0 or more"], {})
    assert checked(-0.1, 6.0, "official") == ((-0.1, 6.0), [], {"negative_start": 1})


@pytest.mark.parametrize("rules", ["strict", "official"])
@pytest.mark.parametrize(
    ("start", "end", "becomes"),
    [(40.0, 50.1, (40.0, 50.0)), (50.0, 60.0, (50.0, 50.0)), (55.0, 60.0, (50.0, 50.0)), (60.0, 60.0, (50.0, 50.0))],
)
def test_both_ends_of_a_span_past_the_end_are_clamped_to_it(
    start: float, end: float, becomes: tuple[float, float], rules: Rules
) -> None:
    assert checked(start, end, rules) == (becomes, [], {"past_end": 1})
    assert checked(start, end, rules, clamp=False) == ((start, end), [], {"past_end_kept": 1})
