import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from evaluation.metrics.iou import overlaps, tiou, tiou32
from evaluation.metrics.nms import nms

times = st.one_of(st.floats(0, 200), st.integers(0, 30).map(lambda n: n / 10))
span = st.tuples(times, times).map(sorted)
spans = st.lists(span, min_size=1, max_size=40).map(lambda rows: np.array(rows, float))


@given(span, span)
def test_tiou_is_symmetric_and_between_0_and_1(a: list[float], b: list[float]) -> None:
    assert tiou(a, b) == tiou(b, a)
    assert 0 <= tiou(a, b) <= 1
    assert tiou(a, a) == (1 if a[0] < a[1] else 0)


@given(span, span)
def test_the_three_kinds_of_tiou_agree(a: list[float], b: list[float]) -> None:
    exact = float(tiou(a, b))
    assert overlaps(*a, *b, 0.5) == (exact > 0.5)
    narrow = [np.float32(time) for time in (*a, *b)]
    assert float(tiou32(*narrow)) == np.float32(float(tiou32(*narrow)))
    if min(a[1] - a[0], b[1] - b[0]) > 0.1:
        assert abs(float(tiou32(*narrow)) - exact) < 1e-3


def test_tiou_broadcasts() -> None:
    assert tiou([[0, 10], [5, 10]], [0, 5]).tolist() == [0.5, 0.0]


def rows(rng: np.random.Generator, where: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return rng.integers(0, 3, len(where)), rng.permutation(len(where)).astype(float)


@given(spans, st.integers(0, 2**32))
def test_nms_keeps_no_two_spans_of_a_video_above_the_threshold(where: NDArray[np.float64], seed: int) -> None:
    video, score = rows(np.random.default_rng(seed), where)
    kept = nms(video, where, score)
    for i, first in enumerate(kept):
        for second in kept[i + 1 :]:
            assert video[first] != video[second] or tiou(where[first], where[second]) <= 0.5


@given(spans, st.integers(0, 2**32))
def test_nms_is_idempotent(where: NDArray[np.float64], seed: int) -> None:
    video, score = rows(np.random.default_rng(seed), where)
    kept = nms(video, where, score)
    assert nms(video[kept], where[kept], score[kept]).tolist() == list(range(len(kept)))


@given(spans, st.integers(0, 2**32))
def test_nms_does_not_depend_on_the_order_of_rows_with_different_scores(where: NDArray[np.float64], seed: int) -> None:
    rng = np.random.default_rng(seed)
    video, score = rows(rng, where)
    order = rng.permutation(len(where))
    assert order[nms(video[order], where[order], score[order])].tolist() == nms(video, where, score).tolist()


@given(spans, st.integers(0, 2**32), st.integers(1, 20), st.sampled_from([0.3, 0.5, 0.7]))
def test_nms_equals_the_plain_procedure(where: NDArray[np.float64], seed: int, most: int, threshold: float) -> None:
    """With few score values, so that ties are common."""
    rng = np.random.default_rng(seed)
    video, score = rng.integers(0, 3, len(where)), rng.integers(0, 4, len(where)).astype(float)
    assert nms(video, where, score, threshold=threshold, most=most).tolist() == plain_nms(
        video, where, score, threshold, most
    )


def plain_nms(
    video: NDArray[np.int64], where: NDArray[np.float64], score: NDArray[np.float64], threshold: float, most: int
) -> list[int]:
    """HERO's procedure as its text has it: group, suppress each group, join, sort stably, cut."""
    joined: list[int] = []
    for group in dict.fromkeys(video.tolist()):
        waiting = sorted((n for n in range(len(video)) if video[n] == group), key=lambda n: -score[n])
        kept: list[int] = []
        while waiting and len(kept) < most:
            head = waiting.pop(0)
            kept.append(head)
            waiting = [n for n in waiting if not tiou(where[head], where[n]) > threshold]
        joined += kept
    return sorted(joined, key=lambda n: -score[n])[:most]
