"""Annotators know a film again after the platform has re-encoded it, and tell films apart that look alike."""

from pathlib import Path

import pytest

from annotation.media.normal_form.clip_file import PictureWriter
from annotation.media.normal_form.pictures import Pictures, Upright
from annotation.media.normal_form.streams import measure
from benchmark_site.demo.crowd.sight import look, most_alike
from benchmark_site.demo.world.generate import render_world

CLIPS = 8


def again(film: Path, out: Path) -> Path:
    """The film in another encoding."""
    measured = measure(film, 160)
    writer, pictures, upright, count = PictureWriter(out, measured), Pictures(measured), Upright(measured), 0
    while (frame := pictures.at(float(count / measured.rate))) is not None:
        writer.add(upright(frame))
        count += 1
    writer.close()
    return out


def test_every_film_is_known_again(tmp_path: Path) -> None:
    render_world(tmp_path, n=CLIPS, seed=3)
    films = sorted(tmp_path.glob("*.mp4"))
    looks = {film.name: look(film) for film in films}
    for film in films:
        seen = again(film, tmp_path / "again.mkv").read_bytes()
        assert most_alike(look(seen), looks) == film.name
        assert most_alike(look(seen), {name: seen for name, seen in looks.items() if name != film.name}) is None


def test_what_is_no_film_cannot_be_watched() -> None:
    with pytest.raises(ValueError, match="cannot be watched"):
        look(b"nothing")
