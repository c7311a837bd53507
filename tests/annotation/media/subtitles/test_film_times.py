"""The times of subtitles against their film: the wrong unit is named, what lies outside is listed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.media.subtitles import Cue, SubtitleError, fit_film

SPOKEN = [Cue(3.0 * n, 3.0 * n + 2.5, f"sentence {n}", f"line {4 * n + 2}") for n in range(20)]  # to 59.5 s


def scaled(cues: list[Cue], by: float) -> list[Cue]:
    return [Cue(cue.start * by, cue.end * by, cue.text, cue.where) for cue in cues]


def test_subtitles_of_the_film_stay_as_they_are() -> None:
    assert fit_film(SPOKEN, 60.0) == (SPOKEN, [])
    assert fit_film(SPOKEN, None) == (SPOKEN, [])
    assert fit_film([], 60.0) == ([], [])


@pytest.mark.parametrize(
    ("by", "fps", "unit"),
    [
        (1000, None, "milliseconds"),
        (1000, 25.0, "milliseconds"),
        (25, 25.0, r"frames \(25 a second\)"),
        (29.97, 29.97, r"frames \(29\.97 a second\)"),
        (24, None, r"frames \(24 a second\)"),
    ],
)
def test_another_unit_is_refused_by_its_name(by: float, fps: float | None, unit: str) -> None:
    told = rf"line \d+: (19|20) of 20 cues lie outside the film of 60 s, first .*; the times look like {unit}, expected"
    with pytest.raises(SubtitleError, match=told):
        fit_film(scaled(SPOKEN, by), 60.0, fps)


@given(by=st.sampled_from([24.0, 25.0, 30.0, 1000.0]), count=st.integers(4, 20), seconds=st.floats(20, 3600))
def test_no_film_is_taken_in_another_unit(by: float, count: int, seconds: float) -> None:
    step = seconds / count
    cues = [Cue(step * n, step * n + min(step, 2.5), "word") for n in range(count)]
    with pytest.raises(SubtitleError, match=r"expected seconds|another film"):
        fit_film(scaled(cues, by), seconds, None)


def test_subtitles_of_a_longer_film_are_refused_without_a_guess() -> None:
    with pytest.raises(SubtitleError, match=r"18 of 20 cues lie outside the film of 6 s, .*; are they of another film"):
        fit_film(SPOKEN, 6.0, 25.0)


def test_seconds_where_milliseconds_are_read_are_refused() -> None:
    with pytest.raises(SubtitleError, match=r"40 words within 0\.0595 s: nobody speaks so fast"):
        fit_film(scaled(SPOKEN, 0.001), 60.0)


def test_a_cue_outside_the_film_is_listed_and_one_over_its_end_is_cut() -> None:
    kept, problems = fit_film(
        [*SPOKEN, Cue(59.0, 62.0, "over", "line 90"), Cue(70.0, 71.0, "credits", "line 94")], 60.0
    )
    assert kept[-1] == Cue(59.0, 60.0, "over")
    assert len(kept) == 21
    assert list(map(str, problems)) == [
        "line 94: lies outside the film: 70 to 71 s, it has 60 s",
        "line 90: cut at the film's end, 60 s: 59 to 62 s",
    ]


def test_the_rounding_of_a_last_cue_is_no_problem() -> None:
    kept, problems = fit_film([*SPOKEN, Cue(59.6, 60.3, "over")], 60.0)
    assert (kept[-1].end, problems) == (60.0, [])


def test_a_cue_longer_than_a_day_is_refused_before_the_film_is_known() -> None:
    with pytest.raises(SubtitleError, match="1 of 1 cues lie outside the film of 86400 s"):
        fit_film([Cue(90_000.0, 90_001.0, "far")], None)
