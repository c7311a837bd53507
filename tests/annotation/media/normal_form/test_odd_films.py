"""Films that recorders, phones and editors write: the second of a picture is a player's, a refusal says why."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from annotation.media.normal_form.streams import FilmError, measure
from tests.annotation.media.normal_form.films import Recipe, make_film, read_stamp
from tests.annotation.media.normal_form.test_make import check, made_of, shown_at

RECORDER = Recipe(
    ".webm", "libvpx", "libopus", options=(("live", "1"),)
)  # as MediaRecorder writes: no duration, no index


def test_a_recorders_webm_without_a_duration(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", RECORDER)
    with av.open(str(film)) as container:
        assert container.duration is None
    made = check(film, RECORDER, tmp_path / "made")
    assert made.seconds == pytest.approx(5.0, abs=0.03)
    assert made.notes == []


def test_a_recorders_webm_that_was_cut_off(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", RECORDER)
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 3 // 4])
    made = made_of(film, tmp_path / "made")
    assert 2.0 < made.seconds < 5.0
    assert shown_at(made.clips[0].file, 1.05) == 10


@pytest.mark.parametrize("recipe", [Recipe(sound="aac", sound_at=0.0), Recipe(sound="aac", sound_at=-1.0)], ids=str)
def test_what_an_editor_trimmed_is_no_part_of_the_film(recipe: Recipe, tmp_path: Path) -> None:
    """A phone trims by a list of edits: the first second is in the file and in no player."""
    trimmed = replace(recipe, picture_at=-1.0, options=(("avoid_negative_ts", "disabled"),))
    film = make_film(tmp_path / "film", trimmed)
    with av.open(str(film)) as container:
        shown = [read_stamp(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert shown[0] == 10
    made = made_of(film, tmp_path / "made")
    for second in (0.05, 0.55, 1.05, 3.05):
        assert shown_at(made.clips[0].file, second) == round(10 + (second - 0.05) * 10), second
    assert read_stamp(np.load(made.clips[0].frames)[0]) == pytest.approx(10 + 7.5, abs=1)


@pytest.mark.parametrize(
    ("recipe", "note"),
    [
        (Recipe(".mkv", picture_at=3.0), None),
        (Recipe(".mkv", sound="aac", picture_at=70.0, sound_at=0.0), "its sound starts 70.0"),
        (Recipe(".mp4", sound="aac", sound_at=200.0), "taken up to 5.00 s: the picture is over there, the sound at 20"),
    ],
    ids=["picture starts late", "sound long before", "sound long after"],
)
def test_a_note_says_what_was_left_out_and_not_that_the_file_breaks_off(
    recipe: Recipe, note: str | None, tmp_path: Path
) -> None:
    made = made_of(make_film(tmp_path / "film", recipe), tmp_path / "made")
    assert made.seconds == pytest.approx(5.0, abs=0.05)
    assert not any("breaks off" in told for told in made.notes)
    assert [told.startswith(note) for told in made.notes] == [True] if note else made.notes == []


def test_a_panorama_is_made_as_narrow_as_browsers_play(tmp_path: Path) -> None:
    path = tmp_path / "wide.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 20_000, 64, "yuv420p"
        for number in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((64, 20_000, 3), 9 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    made = made_of(path, tmp_path / "made")
    assert (made.width, made.height) == (4096, 14)


def test_a_raw_stream_and_an_empty_file_are_refused_by_name(tmp_path: Path) -> None:
    raw, empty = tmp_path / "raw.h264", tmp_path / "empty.mp4"
    film = make_film(tmp_path / "film", Recipe(".ts"))
    with av.open(str(film)) as source, av.open(str(raw), "w", format="h264") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    with pytest.raises(FilmError, match="its pictures have no times"):
        measure(raw, 720)
    empty.touch()
    with pytest.raises(FilmError, match="is empty: 0 bytes"):
        measure(empty, 720)
