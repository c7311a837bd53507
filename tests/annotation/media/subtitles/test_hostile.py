"""Whatever a file holds, it gives cues that a film can have or one clear refusal: never a traceback."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.media.subtitles import SubtitleError, Track, fit_film, read_collection, read_subtitles
from tests.annotation.media.subtitles.files import Phrase, ass, srt, vtt, youtube

PHRASES = [(1.0, 3.0, "Hello <i>there</i>"), (4.0, 6.5, "a ball &amp; a box"), (6.5, 9.0, "it rolls")]
TTML = '<tt xmlns="http://www.w3.org/ns/ttml"><body><p begin="1s" end="00:00:03.000">Hello<br/>there</p></body></tt>'
FILES = [
    srt(PHRASES),
    vtt(PHRASES),
    ass(PHRASES),
    youtube(["hello and welcome", "to the show"]),
    TTML,
    json.dumps({"a": {"start": [1, 2], "end": [2, 3], "text": ["x", "y"]}}),
    json.dumps({"events": [{"tStartMs": 1, "dDurationMs": 9, "segs": [{"utf8": "a", "tOffsetMs": 0}]}]}),
    '{"vid_name": "a", "sub": [{"text": "x", "start": 0, "end": 1}]}\n' * 2,
    "start,end,text\n1.0,3.0,Hello\n",
]
LETTERS = st.text(st.characters(categories=["L", "N"]), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["start", "end", "text", "sub", "events", "segs", "utf8", "tStartMs", "dDurationMs", "vid_name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "film.srt"


def check(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refusal, tracks = "film.srt: nothing", {}
    try:
        tracks = dict(read_collection(path))
    except SubtitleError as error:
        refusal = str(error)
    assert re.fullmatch("film.srt: .+", refusal)
    for track in tracks.values():
        check_track(track)


def check_track(track: Track) -> None:
    for cue in track.cues:
        assert 0 <= cue.start < cue.end < float("inf")
        assert cue.text == " ".join(cue.text.split())
        assert cue.text.isprintable()
    assert list(track.cues) == sorted(track.cues, key=lambda cue: (cue.start, cue.end))
    try:
        kept, _ = fit_film(track.cues, 60.0, 25.0)
    except SubtitleError:
        return
    assert all(0 <= cue.start < cue.end <= 60 for cue in kept)


@given(content=st.binary(max_size=400))
def test_any_bytes(content: bytes, path: Path) -> None:
    check(path, content)


@given(
    content=st.text(max_size=300),
    head=st.sampled_from(["WEBVTT\n\n", "[Events]\n", "<tt>", "{", "[", "start,end,text\n", "1\n00:00:01,0 --> "]),
)
def test_any_text_behind_any_head(content: str, head: str, path: Path) -> None:
    check(path, (head + content).encode("utf-8", "replace"))


@settings(max_examples=300)
@given(file=st.sampled_from(FILES), data=st.data())
def test_a_file_with_some_bytes_changed_left_out_or_put_in(file: str, data: st.DataObject, path: Path) -> None:
    raw = bytearray(file.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw)))
        raw[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=6))
    check(path, bytes(raw))


@given(value=JSON)
def test_any_json(value: object, path: Path) -> None:
    check(path, json.dumps(value).encode())


@given(rows=st.lists(st.tuples(st.integers(0, 999), st.integers(1, 10**4), LETTERS), min_size=1, max_size=20))
@pytest.mark.parametrize("write", [srt, vtt, ass])
def test_what_is_written_is_read(
    rows: list[tuple[int, int, str]], write: Callable[[Sequence[Phrase]], str], path: Path
) -> None:
    """Apart, so that nothing rolls: each cue begins a second after the one before."""
    phrases = []
    at = 0.0
    for gap, length, text in rows:
        start = round(at + 1 + gap / 1000, 3)
        at = round(start + length / 1000, 3)
        phrases.append((start, at, f"x{text}"))
    path.write_text(write(phrases), encoding="utf-8")
    expected = [(s, e, unicodedata.normalize("NFC", t)) for s, e, t in phrases]
    assert [(cue.start, cue.end, cue.text) for cue in read_subtitles(path).cues] == expected


@pytest.mark.parametrize(
    "content",
    [
        "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "<rt>" * 300_000,
        "1\n00:00:01,0 --> 00:00:02,0\n" + "{\\" * 300_000,
        "1\n00:00:01,0 --> 00:00:02,0\n" + "<b" * 300_000,
        "-->" * 300_000,
        "[Events]\nDialogue: 0,0:00:01.0,0:00:02.0,a,b,0,0,0,c," + "{\\p" * 300_000,
        "<?xml" + " " * 500_000,
        "<tt>" + "<div>" * 100_000,
        "start,end,text\n" + '1,2,"' + "x" * 500_000,
        "[[" * 100_000,
        vtt([(float(n), n + 0.9, "a a\n" * 400) for n in range(300)]),
    ],
)  # fmt: skip
def test_no_repetition_takes_long(content: str, path: Path) -> None:
    before = time.process_time()
    check(path, content.encode())
    assert time.process_time() - before < 5
