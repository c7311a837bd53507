"""Whatever is done to a film's bytes: a reason, or clips that are proven, and always an end."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.media.normal_form.clip_file import is_normal
from annotation.media.normal_form.make import SHORTEST_S, make_clips
from annotation.media.normal_form.proof import NotProven
from annotation.media.normal_form.streams import FilmError, measure
from tests.annotation.media.normal_form.films import Recipe, make_film

RECIPES = [
    Recipe(".mp4", sound="aac", gop=10, seconds=4.0),
    Recipe(".mp4", gop=10, seconds=4.0, options=(("movflags", "faststart"),)),
    Recipe(".mkv", "libvpx-vp9", "libopus", gop=10, seconds=4.0),
    Recipe(".webm", "libvpx", "libopus", gop=10, seconds=4.0),
    Recipe(".avi", "mpeg4", "libmp3lame", gop=10, seconds=4.0),
    Recipe(".ts", sound="aac", gop=25, rate=25, seconds=4.0),
]
SECONDS = 60  # of the child's life; a film of four seconds takes one


@cache
def whole(recipe: Recipe) -> bytes:
    with TemporaryDirectory() as folder:
        return make_film(Path(folder) / "film", recipe).read_bytes()


@dataclass(frozen=True)
class Damage:
    """Bytes flipped, a stretch dropped, the end cut off: places are shares of the file."""

    recipe: Recipe
    flips: tuple[tuple[float, int], ...]
    dropped: tuple[float, float]
    kept: float

    def write(self, folder: Path) -> Path:
        content = bytearray(whole(self.recipe))
        for place, value in self.flips:
            content[int(place * (len(content) - 1))] ^= value
        first = int(self.dropped[0] * len(content))
        del content[first : first + int(self.dropped[1] * len(content))]
        film = folder / f"film{self.recipe.suffix}"
        film.write_bytes(content[: int(self.kept * len(content))])
        return film


SHARE = st.floats(0, 1)
NONE_OR_HALF = st.just(0.0) | st.floats(0, 0.5)
damages = st.builds(
    Damage,
    st.sampled_from(RECIPES),
    st.lists(st.tuples(SHARE, st.integers(1, 255)), max_size=40).map(tuple),
    st.tuples(SHARE, NONE_OR_HALF),
    st.just(1.0) | SHARE,
)


def hold(damage: Damage) -> None:
    with TemporaryDirectory() as place:
        film, folder = damage.write(Path(place)), Path(place) / "made"
        folder.mkdir()
        try:
            made = make_clips(measure(film, 720), folder, lambda done: None)
        except (FilmError, NotProven):
            return
        assert made.clips
        for clip in made.clips:
            for file in (clip.file, clip.silent):
                normal = measure(Path(file), 720)
                assert is_normal(normal)
                assert normal.picture_end == pytest.approx(clip.end - clip.start, abs=1.1 / made.rate)
            assert clip.end - clip.start >= SHORTEST_S


@settings(max_examples=15)
@given(damages)
def test_a_damaged_film_has_a_reason_or_proven_clips(damage: Damage) -> None:
    hold(damage)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=400)
@given(damages)
def test_many_damaged_films_have_a_reason_or_proven_clips(damage: Damage) -> None:
    hold(damage)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=60)
@given(damages)
def test_the_child_process_ends_with_a_word(damage: Damage) -> None:
    """The same through the command: one of the two files is there, and nothing is in the log."""
    with TemporaryDirectory() as place:
        path, folder = damage.write(Path(place)), Path(place) / "made"
        folder.mkdir()
        command = [sys.executable, "-m", "annotation.media.normal_form", str(path), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        refused, made = folder / "refused.txt", folder / "made.json"
        assert refused.exists() != made.exists()
        assert refused.read_text() if refused.exists() else json.loads(made.read_text())["clips"]
