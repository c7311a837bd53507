"""Captions that scroll: each word once, in order, at the time when it was spoken."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.media.subtitles import Cue, read_subtitles
from annotation.media.subtitles.cues import Shown
from annotation.media.subtitles.rolling import join_rolling
from tests.annotation.media.subtitles.files import clock, srt, youtube

WORDS = st.text("abcdefgh'", min_size=1, max_size=3)
PHRASES = st.lists(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), min_size=1, max_size=12)


def _file(folder: Path, content: str) -> Path:
    path = folder / "film.vtt"
    path.write_text(content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rolling")


def test_three_phrases_of_youtube_are_three_sentences(tmp_path: Path) -> None:
    track = read_subtitles(_file(tmp_path, youtube(["hello and welcome", "to the show", "okay"])))
    assert track.cues == (
        Cue(0.0, 1.99, "hello and welcome"),
        Cue(2.0, 3.99, "to the show"),
        Cue(4.0, 5.99, "okay"),
    )
    assert track.automatic
    assert not track.problems


@given(phrases=PHRASES)
def test_each_word_of_youtubes_captions_comes_once_and_in_order(phrases: list[str], folder: Path) -> None:
    track = read_subtitles(_file(folder, youtube(phrases)))
    assert [cue.text for cue in track.cues] == phrases
    assert [cue.start for cue in track.cues] == [2.0 * place for place in range(len(phrases))]


@given(phrases=PHRASES)
def test_so_does_each_word_of_what_a_converter_made_of_them(phrases: list[str], folder: Path) -> None:
    """SRT without the times of words and without empty lines, as yt-dlp --convert-subs writes it."""
    bare = re.sub(r"<[^>]*>| align:start position:0%", "", youtube(phrases)).partition("\n\n")[2]
    converted = re.sub(r"\n \n", "\n", re.sub(r"(\d)\.(\d{3})", r"\1,\2", bare))
    assert [cue.text for cue in read_subtitles(_file(folder, converted)).cues] == phrases


@given(phrases=st.lists(st.lists(WORDS, min_size=2, max_size=6).map(" ".join), min_size=3, max_size=12, unique=True))
def test_two_lines_that_scroll_are_joined(phrases: list[str]) -> None:
    shown = [
        Shown("", 2.0 * place, 2.0 * place + 2, tuple(phrases[max(place - 1, 0) : place + 1]))
        for place in range(len(phrases))
    ]
    assert [" ".join(one.lines) for one in join_rolling(shown)] == phrases


@given(count=st.integers(14, 60), window=st.integers(3, 6), data=st.data())
def test_a_window_of_words_that_moves_over_a_line_is_joined(count: int, window: int, data: st.DataObject) -> None:
    """The form of HowTo100M's tables: a line begins with the last words of the one before."""
    step = data.draw(st.integers(1, window - 2))
    words = [f"w{number}" for number in range(count)]
    starts = range(0, count - window + 1, step)
    shown = [Shown("", float(n), n + 1.5, (" ".join(words[s : s + window]),)) for n, s in enumerate(starts)]
    joined = " ".join(" ".join(one.lines) for one in join_rolling(shown))
    assert joined.split() == words[: starts[-1] + window]


def test_a_caption_that_grows_word_by_word_is_joined() -> None:
    shown = [
        Shown("", 0.0, 1.0, ("to",)),
        Shown("", 1.0, 2.0, ("to the show",)),
        Shown("", 2.0, 3.0, ("to the show of", "shows")),
    ]
    assert [one.lines for one in join_rolling(shown)] == [("to",), ("the show",), ("of shows",)]


def test_a_sentence_that_was_cut_into_cues_is_one_again() -> None:
    shown = [Shown("", float(n), n + 1.0, ("one long sentence",)) for n in range(4)]
    assert [(one.start, one.end) for one in join_rolling(shown)] == [(0.0, 4.0)]


def test_what_people_say_twice_stays(tmp_path: Path) -> None:
    spoken = [
        (0, 1, "No."),
        (1, 2, "No."),
        (2, 3, "Go on!"),
        (3, 4, "Go on then"),
        (4, 5, "I said so"),
        (5, 6, "Well"),
        (6, 7, "Yes"),
    ]
    assert [cue.text for cue in read_subtitles(_file(tmp_path, srt(spoken))).cues] == [text for _, _, text in spoken]
    later = [(0, 1, "la la la"), (5, 6, "la la la"), (10, 11, "la la la")]
    assert len(read_subtitles(_file(tmp_path, srt(later))).cues) == 3


def test_youtubes_json3_ends_a_phrase_where_the_next_begins(tmp_path: Path) -> None:
    events = [
        {"tStartMs": 0, "dDurationMs": 9000, "id": 1, "wpWinPosId": 1},
        {"tStartMs": 80, "dDurationMs": 4310, "segs": [{"utf8": "hello"}, {"utf8": " and", "tOffsetMs": 400}]},
        {"tStartMs": 2390, "dDurationMs": 2000, "aAppend": 1, "segs": [{"utf8": "\n"}]},
        {"tStartMs": 2399, "dDurationMs": 3000, "segs": [{"utf8": "welcome"}]},
    ]
    track = read_subtitles(_file(tmp_path, json.dumps({"events": events})))
    assert track.cues == (Cue(0.08, 2.399, "hello and"), Cue(2.399, 5.399, "welcome"))
    assert track.automatic


def test_the_clock_of_the_tests_is_the_files() -> None:
    assert clock(3661.5) == "01:01:01.500"
