"""Subtitles whose times are not seconds of their clip are refused by clip and seconds, never lost without a word."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from evaluation.release import Release, SubtitleLine
from hero_model.data.subtitles import check_times
from hero_model.errors import InputError, InputWarning
from hero_model.inference.text_only import SubtitleRanker
from tests.evaluation.small_release import relist
from tests.hero_model.tiny_models import refused, write_models
from tests.hero_model.tiny_release import write_release

DURATIONS = {"a": 60.0, "b": 60.0}


def lines(*times: tuple[float, float]) -> list[SubtitleLine]:
    return [SubtitleLine("words", start, end) for start, end in times]


def test_subtitles_of_their_clips_are_let_pass() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_times({"a": lines((0, 3), (59, 61)), "b": [], "other": lines((100, 101))}, DURATIONS, "here")
        check_times({}, DURATIONS, "here")


@pytest.mark.parametrize("first", [0.0, 0.5])
def test_milliseconds_of_one_clip_among_others_are_named(first: float) -> None:
    good = lines(*((float(n), n + 1.0) for n in range(50)))
    scaled = lines(*(((first + 3 * n) * 1000, (first + 3 * n + 2) * 1000) for n in range(10)))
    told = r"here: (9|10) of 60 subtitles lie outside their clip, first of clip 'b' of 60 s: .*look like milliseconds"
    with pytest.raises(InputError, match=told):
        check_times({"a": good, "b": scaled}, DURATIONS, "here")


def test_times_of_the_whole_video_are_refused() -> None:
    shifted = lines((61, 63), (70, 72))
    with pytest.raises(InputError, match=r"2 of 3 subtitles .* clip 'b' of 60 s: 61 to 63 s \(expected seconds from"):
        check_times({"a": lines((1, 2)), "b": shifted}, DURATIONS, "here")


def test_a_few_behind_the_end_are_told_and_left() -> None:
    with pytest.warns(
        InputWarning, match="here: 1 of 3 subtitles lie outside their clip and are lost, first of clip 'a'"
    ):
        check_times({"a": lines((1, 2), (3, 4), (60, 62))}, DURATIONS, "here")


@pytest.fixture
def scaled(tmp_path: Path) -> Path:
    """A release whose subtitles are in milliseconds."""
    (tmp_path / "release").mkdir()
    release = write_release(tmp_path / "release")
    rows = [json.loads(line) for line in (release / "subtitles.jsonl").read_text().splitlines()]
    for row in rows:
        row["sub"] = [line | {"start": line["start"] * 1000, "end": line["end"] * 1000} for line in row["sub"]]
    (release / "subtitles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return relist(release)


def test_a_release_in_milliseconds_is_refused(scaled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = write_models(tmp_path / "models", "moment")
    where = ["--task", "moment", "--split", "val", "--out", tmp_path / "p.json"]
    expected = (
        "subtitles lie outside their clip, first of clip 'tiny-08_0.00_12.00' of 12 s",
        "look like milliseconds",
    )
    refused(capsys, ["predict", models, scaled, *where], *expected)
    refused(capsys, ["train", scaled, tmp_path / "out", "--preset", "tiny"], "look like milliseconds, expected seconds")
    release = Release.open(scaled)
    with pytest.raises(InputError, match="look like milliseconds"):
        SubtitleRanker(release, release.moments("val"))


def test_so_is_a_file_given_to_search(tmp_path: Path) -> None:
    from hero_model.inference.search import HeroSearch

    search = HeroSearch.from_pretrained(write_models(tmp_path / "models", "moment"))
    features = np.random.default_rng(0).normal(size=(8, 24)).astype(np.float32)
    spoken = [(500.0, 5500.0, "a"), (6500.0, 11500.0, "b")]
    with pytest.raises(InputError, match="clip 'a' of 12 s: 500 to 5500 s; the times look like milliseconds"):
        search.encode({"a": features}, {"a": spoken})
    assert not search.clips
