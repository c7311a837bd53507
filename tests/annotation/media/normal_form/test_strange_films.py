"""Films that ended badly when strangers brought them: each kind is taken as a player shows it, or refused in words."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import pytest
from av.video.reformatter import ColorRange

from annotation.media.normal_form.clip_file import is_normal
from annotation.media.normal_form.streams import FilmError, measure
from hero_model.features.video import FrameSampler, decode, open_video
from tests.annotation.media.normal_form.films import Recipe, make_film, read_stamp, stamped
from tests.annotation.media.normal_form.test_make import check, made_of, shown_at
from tests.leaderboard.conftest import REPOSITORY

NORMAL = Recipe(sound="aac", gop=10, options=(("movflags", "faststart"),))


def child(film: Path, folder: Path) -> str:
    """What the child process says of a film, within a time that no small one needs."""
    folder.mkdir()
    command = [sys.executable, "-m", "annotation.media.normal_form", str(film), str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, timeout=60, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    refused = folder / "refused.txt"
    return refused.read_text() if refused.exists() else str(json.loads((folder / "made.json").read_text())["notes"])


def test_the_child_ends_where_time_begins_again_and_where_bytes_are_wrong(tmp_path: Path) -> None:
    """Decoding threads that log through Python wait for the thread that waits for them."""
    whole = make_film(tmp_path / "film", Recipe(".ts", gop=12)).read_bytes()
    (tmp_path / "twice.ts").write_bytes(whole + whole)
    for turn in range(3):
        assert "jump from" in child(tmp_path / "twice.ts", tmp_path / f"twice-{turn}")
    rng = random.Random(2)
    for turn in range(6):
        damaged = bytearray(whole)
        for _ in range(40):
            damaged[rng.randrange(2000, len(damaged))] = rng.randrange(256)
        (tmp_path / f"{turn}.ts").write_bytes(damaged)
        child(tmp_path / f"{turn}.ts", tmp_path / f"out-{turn}")


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile victim.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nvictim.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    ],
    ids=["ffconcat", "playlist", "session"],
)
@pytest.mark.parametrize("name", ["film.mp4", "film.m3u8", "film.ffconcat", "film.sdp"])
def test_no_film_opens_another(text: str, name: str, tmp_path: Path) -> None:
    make_film(tmp_path / "victim", Recipe())
    (tmp_path / name).write_text(text)
    with pytest.raises(FilmError, match="cannot be opened as video"):
        measure(tmp_path / name, 720)


def test_pieces_whose_picture_starts_after_its_sound_are_made_anew(tmp_path: Path) -> None:
    """B-frames shift the picture of a fragmented file, which has no list of edits."""
    fragments = replace(NORMAL, options=(("movflags", "frag_keyframe+empty_moov"),))
    film = make_film(tmp_path / "film", fragments)
    assert not is_normal(measure(film, 720))
    check(film, replace(fragments, picture_at=0.2), tmp_path / "made")


def test_what_only_looks_normal_is_encoded_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make_film(tmp_path / "film", Recipe(sound="aac"))  # one key frame: not exactly seekable
    monkeypatch.setattr("annotation.media.normal_form.make.is_normal", lambda film: True)
    made = made_of(film, tmp_path / "made")
    assert shown_at(made.clips[0].file, 3.05) == 30


@pytest.mark.parametrize(
    ("suffix", "name", "other"), [(".mp4", b"avc1", b"encv"), (".mkv", b"V_MPEG4/ISO/AVC", b"V_QPEG4/ISO/AVC")]
)
def test_a_picture_that_nobody_decodes_is_named(suffix: str, name: bytes, other: bytes, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", Recipe(suffix))
    film.write_bytes(film.read_bytes().replace(name, other))
    assert "codec that nobody here decodes" in child(film, tmp_path / "out")


def test_a_sound_that_nobody_decodes_is_left_out_and_told(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", Recipe(".mkv", sound="aac"))
    film.write_bytes(film.read_bytes().replace(b"A_AAC", b"A_QQQ"))
    made = made_of(film, tmp_path / "made")
    assert made.notes == ["its sound is in a codec that nobody here decodes: left out"]
    with open_video(made.clips[0].file) as clip:
        assert not clip.streams.audio


def test_a_key_frame_with_pictures_before_it_is_no_place_to_seek_to(tmp_path: Path) -> None:
    path = tmp_path / "open.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream(
            "libx264",
            rate=10,
            options={"x264-params": "open-gop=1:bframes=3:keyint=10:min-keyint=10:scenecut=0:b-adapt=0"},
        )
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(stamped(number), format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    film = measure(path, 720)
    assert film.leading
    assert not is_normal(film)
    made = made_of(path, tmp_path / "made")
    assert [shown_at(made.clips[0].file, second) for second in (0.95, 1.95, 2.95)] == [9, 19, 29]


def test_colours_of_rgb_are_tagged_as_what_they_became(tmp_path: Path) -> None:
    made = made_of(make_film(tmp_path / "film", Recipe(".mkv", "libx264rgb")), tmp_path / "made")
    with open_video(made.clips[0].file) as clip:
        frame = next(clip.decode(video=0))
    assert frame.format.name == "yuv420p"
    assert (frame.colorspace, frame.color_range) == (5, ColorRange.MPEG)


def test_a_longer_track_that_is_not_taken_breaks_nothing_off(tmp_path: Path) -> None:
    recipe = Recipe(".mkv", sound="aac", other_sound=20.0, options=(("max_interleave_delta", "0"),))
    made = made_of(make_film(tmp_path / "film", recipe), tmp_path / "made")
    assert made.seconds == pytest.approx(5.0, abs=0.1)
    assert not any("breaks off" in note for note in made.notes)


@pytest.mark.parametrize(
    "recipe",
    [Recipe(".mkv", cover=True), Recipe(".mp4", cover=True), Recipe(".mov", rotation=90), Recipe(".mp4", rotation=270)],
    ids=["cover in mkv", "cover in mp4", "turned left", "turned right"],
)
def test_features_by_command_are_of_what_a_player_shows(recipe: Recipe, tmp_path: Path) -> None:
    sampler = FrameSampler(1.5)
    for second, frame in decode(make_film(tmp_path / "film", recipe)):
        sampler.offer(second, frame)
    stamps = [read_stamp(picture) for picture in sampler.frames()]
    assert stamps == pytest.approx([7.5, 22.5, 37.5, 49], abs=1)


def test_features_of_a_film_that_begins_again_are_refused(tmp_path: Path) -> None:
    whole = make_film(tmp_path / "film", Recipe(".ts")).read_bytes()
    (tmp_path / "twice.ts").write_bytes(whole + whole)
    with pytest.raises(ValueError, match="its time stamps jump back from"):
        list(decode(tmp_path / "twice.ts"))


def test_a_name_that_looks_like_an_address_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_film(tmp_path / "film", Recipe()).rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(list(decode("12:30.mp4"))) == 50
