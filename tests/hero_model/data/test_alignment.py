"""Frame-subtitle pairing against its rules, followed one frame at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hero_model.config import DIALECTS
from hero_model.data.alignment import align_frames, join_unmatched
from hero_model.errors import InputError
from tests.hero_model.tiny_world import tiny_config

Times = list[tuple[float, float]]
single = np.float32  # the released code keeps times in 32 bits, and rounding decides at the edges of frames


def covers(times: Times, sentence: int, frame: int, n_frames: int, interval: float, limit: float) -> bool:
    start, end = single(times[sentence][0]), single(times[sentence][1])
    first, after = np.floor(start / single(interval)), np.ceil(end / single(interval))
    clip_end = single(n_frames * interval)
    if limit and sentence == len(times) - 1 and min(end, clip_end) - start > limit:
        after = min(after, first + 11)
    return bool(start < clip_end and first <= frame < after)


def overlap(times: Times, sentence: int, frame: int, interval: float) -> np.float32:
    start, end = (single(t) / single(interval) for t in times[sentence])
    inside = min(end, single(frame + 1)) - max(start, single(frame))
    return max(inside, single(0)) / (max(end, single(frame + 1)) - min(start, single(frame)))


def by_the_rules(times: Times, n_frames: int, interval: float, limit: float) -> list[list[int]]:
    frames: list[list[int]] = [[] for _ in times]
    for frame in range(n_frames):
        candidates = [s for s in range(len(times)) if covers(times, s, frame, n_frames, interval, limit)]
        if candidates:
            owner = max(candidates, key=lambda s: overlap(times, s, frame, interval))  # the first of equal ones
            if limit and overlap(times, owner, frame, interval) == 0:
                owner = 0
            frames[owner].append(frame)
    return frames


def owned(times: Times, n_frames: int, interval: float, limit: float | None) -> list[list[int]]:
    return [own.tolist() for own in align_frames(times, n_frames, interval, limit).frames]


@st.composite
def subtitles(draw: st.DrawFn) -> tuple[Times, int, float]:
    interval = draw(st.sampled_from([0.5, 1.2, 1.5, 1.7, 2.0]))
    n_frames = draw(st.integers(1, 24))
    places = st.integers(-20, 10 * int(n_frames * interval + 4)).map(lambda tenth: tenth / 10)
    lengths = st.one_of(st.just(0.0), st.integers(1, 50).map(lambda tenth: tenth / 10), st.floats(0, 40, width=32))
    times = draw(st.lists(st.tuples(places, lengths), min_size=1, max_size=6))
    return [(start, round(start + length, 3)) for start, length in times], n_frames, interval


@settings(max_examples=400)
@given(subtitles(), st.sampled_from(list(DIALECTS)))
def test_pairing_follows_the_rules(drawn: tuple[Times, int, float], dialect: str) -> None:
    times, n_frames, interval = drawn
    limit = tiny_config(dialect=dialect).last_sentence_limit
    assert owned(times, n_frames, interval, limit) == by_the_rules(times, n_frames, interval, limit or 0.0)


def test_a_last_sentence_is_long_by_what_the_clip_shows_of_it() -> None:
    """30 s, but only 8 of them before the clip ends: no frame is cut."""
    found = align_frames([(0.2, 2.9), (10.0, 40.0)], 12, 1.5, 16.0)
    assert list(found.overlapping[1]) == list(range(6, 27))
    assert len(align_frames([(0.2, 2.9), (10.0, 40.0)], 40, 1.5, 16.0).overlapping[1]) == 11


@pytest.mark.parametrize(
    ("said", "joins"), [((3.0, 4.0), 0), ((6.5, 7.5), 1), ((8.0, 8.2), 1), ((15.0, 15.5), 2), ((5.0, 5.0), 0)]
)
def test_a_sentence_without_frames_joins_its_nearest_neighbour(said: tuple[float, float], joins: int) -> None:
    """By the gap in time; of two equally near ones the earlier."""
    times = [(0.0, 2.0), (8.0, 9.0), (16.0, 18.0), said]
    frames = [np.array([0]), np.array([4]), np.array([8]), np.array([], np.int64)]
    joined, kept = join_unmatched([np.array([10]), np.array([11]), np.array([12]), np.array([13])], frames, times)
    assert [words.tolist() for words in joined] == [[10 + i, 13] if i == joins else [10 + i] for i in range(3)]
    assert [own.tolist() for own in kept] == [[0], [4], [8]]


def test_times_are_rounded_as_in_the_released_code() -> None:
    assert list(align_frames([(6.2, 8.4)], 10, 1.2).overlapping[0]) == [5, 6]


def test_a_sentence_without_length() -> None:
    """official: its frame goes to the clip's first sentence; paper: to itself."""
    times = [(0.2, 2.9), (4.0, 4.0), (6.0, 7.0)]
    assert owned(times, 12, 1.5, 16.0) == [[0, 1, 2], [], [4]]
    assert owned(times, 12, 1.5, None) == [[0, 1], [2], [4]]


def test_an_endless_sentence_takes_no_memory() -> None:
    assert owned([(0.0, 1e13), (3.0, 4.5)], 4, 1.5, None) == [[0, 1, 3], [2]]


@pytest.mark.parametrize("end", [float("nan"), float("inf"), 1e300])
def test_times_that_are_no_number_are_refused(end: float) -> None:
    with pytest.raises(InputError, match=r"sentence 1: .* finite seconds, got 2 and "):
        align_frames([(0.0, 1.0), (2.0, end)], 4, 1.5)
