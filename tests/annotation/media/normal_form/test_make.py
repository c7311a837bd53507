"""What a clip shows and sounds at a second is what the film does, whatever form the film came in."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest

from annotation.media.normal_form.clip_file import is_normal
from annotation.media.normal_form.make import FEATURE_INTERVAL_S, Made, make_clips
from annotation.media.normal_form.streams import FilmError, measure
from tests.annotation.media.normal_form.films import Recipe, make_film, read_stamp

NORMAL = Recipe(gop=10, options=(("movflags", "faststart"),))


def made_of(film: Path, folder: Path, tallest: int = 720) -> Made:
    folder.mkdir(exist_ok=True)
    return make_clips(measure(film, tallest), folder, lambda done: None)


def shown_at(file: str, second: float) -> int:
    """The stamp of the picture that a player shows: the last that began before."""
    number = -1
    with av.open(file) as clip:
        for frame in clip.decode(video=0):
            if frame.time > second + 1e-6:
                break
            number = read_stamp(frame.to_ndarray(format="rgb24"))
    return number


def check(film: Path, recipe: Recipe, folder: Path) -> Made:
    """The clip against the recipe: every half second's picture, the features' pictures, the sound, the form."""
    made = made_of(film, folder)
    (clip,) = made.clips
    lead = max(0.0, recipe.picture_at - recipe.sound_at) if recipe.sound else 0.0
    last = round(recipe.seconds * recipe.rate) - 1
    late = 2 if recipe.suffix == ".avi" else 1  # the writer of AVI shows the first picture twice
    for second in np.arange(0.25 / recipe.rate, recipe.seconds + lead - 1 / recipe.rate, 0.5):
        wanted = min(max(int((second - lead) * recipe.rate), 0), last)
        assert abs(shown_at(clip.file, second) - wanted) <= late, second
    for slot, picture in enumerate(np.load(clip.frames)):
        wanted = min(max(round(((slot + 0.5) * FEATURE_INTERVAL_S - lead) * recipe.rate), 0), last)
        assert abs(read_stamp(picture) - wanted) <= late, slot
    normal = measure(Path(clip.file), 720)
    assert is_normal(normal)
    assert is_normal(measure(Path(clip.silent), 720))
    assert clip.end == pytest.approx(recipe.seconds + lead, abs=1.5 / recipe.rate)
    assert (normal.sound is None) == (recipe.sound is None)
    if recipe.sound:
        assert loudness(clip.file) == pytest.approx(loudness(str(film)), rel=0.15)
    with av.open(clip.silent) as silent:
        assert [stream.type for stream in silent.streams] == ["video"]
    return made


def loudness(file: str) -> float:
    """Of everything that is heard, so that silence before or after it changes nothing."""
    with av.open(file) as clip:
        parts = [np.square(as_float(frame.to_ndarray())).mean() * frame.samples for frame in clip.decode(audio=0)]
        return float(np.sqrt(sum(parts)))


def as_float(samples: np.ndarray) -> np.ndarray:
    return samples if samples.dtype.kind == "f" else samples / np.iinfo(samples.dtype).max


FORMS = {
    "phone on its side": Recipe(".mov", rotation=270, sound="aac"),
    "phone upside down": Recipe(".mp4", rotation=180),
    "AC-3 in mp4": Recipe(".mp4", sound="ac3"),
    "VP9 and Opus in mkv": Recipe(".mkv", "libvpx-vp9", "libopus"),
    "webm": Recipe(".webm", "libvpx", "libopus"),
    "moov at the end, one key frame": Recipe(".mp4"),
    "picture and sound start at 3 s": Recipe(".mp4", sound="aac", picture_at=3.0, sound_at=3.0),
    "picture alone starts at 3 s": Recipe(".mp4", picture_at=3.0),
    "picture 3 s after the sound": Recipe(".mkv", sound="aac", picture_at=3.0),
    "avi": Recipe(".avi", "mpeg4", "libmp3lame"),
    "transport stream": Recipe(".ts", sound="aac", rate=25, seconds=4.0),
    "ten bits": Recipe(".mov", "prores_ks"),
    "HEVC": Recipe(".mp4", "libx265", "aac"),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_film_as_people_have_it_becomes_a_clip_that_shows_the_same(name: str, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", FORMS[name])
    check(film, FORMS[name], tmp_path / "made")


CONTAINERS = {
    ".mp4": (("libx264", "libx265", "mpeg4", "libsvtav1"), ("aac", "ac3", "libmp3lame", None)),
    ".mov": (("libx264", "prores_ks", "mjpeg"), ("aac", None)),
    ".mkv": (("libx264", "libvpx-vp9", "libx265", "mpeg4", "mjpeg"), ("aac", "libopus", "flac", None)),
    ".webm": (("libvpx", "libvpx-vp9"), ("libopus", None)),
    ".avi": (("mpeg4", "mjpeg"), ("libmp3lame", None)),
    ".ts": (("libx264", "mpeg2video"), ("aac", "ac3", None)),
}
MATRIX = [
    Recipe(suffix, picture, sound, rotation, start, start, rate, seconds=4.0)
    for suffix, (pictures, sounds) in CONTAINERS.items()
    for picture, sound in product(pictures, sounds)
    for rotation, start, rate in [(0, 0.0, 12), (90, 0.0, 25), (0, 3.0, 25)]
    if rotation == 0 or suffix in {".mp4", ".mov"}
    if (suffix, start) != (".avi", 3.0)  # AVI has no time stamps to start late with
    if (picture, rate) != ("mpeg2video", 12)  # the codec knows no such rate
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", MATRIX, ids=lambda r: f"{r.suffix}-{r.picture}-{r.sound}-{r.rotation}-{r.picture_at}"
)
def test_the_matrix_of_forms(recipe: Recipe, tmp_path: Path) -> None:
    check(make_film(tmp_path / "film", recipe), recipe, tmp_path / "made")


def test_a_film_in_the_normal_form_is_its_own_clip(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", NORMAL)
    made = check(film, NORMAL, tmp_path / "made")
    assert made.clips[0].file == made.clips[0].silent == str(film)
    assert made.notes == []


def test_the_silent_file_of_a_kept_film_holds_the_same_pictures(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", replace(NORMAL, sound="aac"))
    made = check(film, replace(NORMAL, sound="aac"), tmp_path / "made")
    assert made.clips[0].file == str(film) != made.clips[0].silent


@pytest.mark.parametrize(
    "change",
    [{"gop": 20}, {"options": ()}, {"rotation": 180}, {"picture_at": 1.0}, {"sound": "libmp3lame"}, {"suffix": ".mkv"}],
    ids=str,
)
def test_what_is_not_in_the_normal_form_is_noticed(change: dict[str, object], tmp_path: Path) -> None:
    assert is_normal(measure(make_film(tmp_path / "normal", NORMAL), 720))
    assert not is_normal(measure(make_film(tmp_path / "other", replace(NORMAL, **change)), 720))  # type: ignore[arg-type]


def test_a_cover_is_never_the_picture(tmp_path: Path) -> None:
    recipe = Recipe(".mkv", cover=True)
    check(make_film(tmp_path / "film", recipe), recipe, tmp_path / "made")


def test_a_variable_rate_keeps_every_picture_of_its_lively_seconds(tmp_path: Path) -> None:
    """Two pictures a second, then 25: the average rate would drop most of the second half."""
    recipe = Recipe(".mkv", rate=25, seconds=4.4, times=lambda n: n / 2 if n < 10 else 5 + (n - 10) / 25)
    film = make_film(tmp_path / "film", recipe)
    made = made_of(film, tmp_path / "made")
    assert made.rate == pytest.approx(25.0)
    stamps = set()
    with av.open(made.clips[0].file) as clip:
        for frame in clip.decode(video=0):
            stamps.add(read_stamp(frame.to_ndarray(format="rgb24")))
            assert frame.time == pytest.approx(round(frame.time * 25) / 25, abs=1e-3)
    assert stamps == set(range(110))
    assert shown_at(made.clips[0].file, 3.2) == 6


def test_square_pixels_and_few_lines(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", Recipe())
    made = made_of(film, tmp_path / "made", tallest=48)
    assert (made.width, made.height) == (64, 48)


def test_a_film_of_less_than_the_shortest_segment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FilmError, match=r"1\.00 s of picture, a clip has at least 2"):
        made_of(make_film(tmp_path / "film", Recipe(seconds=1.0)), tmp_path / "made")


def test_half_a_film_is_taken_up_to_where_it_breaks_off(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", Recipe(".mkv", seconds=8.0, gop=10))
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    made = made_of(film, tmp_path / "made")
    assert "breaks off: its header promises 8.00 s" in made.notes[0]
    assert made.clips[0].end == made.seconds < 6
    assert shown_at(made.clips[0].file, made.seconds - 0.05) == round(made.seconds * 10) - 1


def test_time_stamps_that_jump_end_the_film(tmp_path: Path) -> None:
    jump = Recipe(".mp4", times=lambda n: n / 10 if n < 40 else 20_000 + n / 10)
    made = made_of(make_film(tmp_path / "film", jump), tmp_path / "made")
    assert made.notes == ["taken up to 4.00 s: its time stamps jump from 3.90 to 20004.00 s"]
    assert len(np.load(made.clips[0].frames)) == 3


def test_a_long_film_is_cut_into_minutes_and_memory_is_that_of_one(tmp_path: Path) -> None:
    recipe = Recipe(sound="aac", rate=3, seconds=125.0)
    made = made_of(make_film(tmp_path / "film", recipe), tmp_path / "made")
    assert [(clip.start, clip.end) for clip in made.clips] == [(0, 60), (60, 120), (120, 125)]
    assert shown_at(made.clips[1].file, 10.05) == 210
    with av.open(made.clips[1].file) as clip:
        assert clip.duration == pytest.approx(60e6, abs=0.2e6)
        assert clip.streams.video[0].average_rate == Fraction(3)


def spoil(film: Path, kind: str, share: float) -> None:
    """Zero the payload of packets of one kind from a share of the film on."""
    with av.open(str(film)) as source:
        places = [(p.pos, p.size) for p in source.demux(**{kind: 0}) if p.pos is not None and p.size]
    content = bytearray(film.read_bytes())
    for position, size in places[int(len(places) * share) :]:
        content[position : position + size] = b"\xff" * size
    film.write_bytes(content)


def test_damaged_sound_is_refused_with_how_much_is_lost(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", Recipe(sound="aac", rate=3, seconds=65.0))
    spoil(film, "audio", 0.5)
    with pytest.raises(FilmError, match=r"of 6\d\.\d\d s of its sound cannot be decoded"):
        made_of(film, tmp_path / "made")


def test_a_little_damaged_sound_is_silent_and_noted(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", Recipe(sound="aac", seconds=6.0))
    spoil(film, "audio", 0.95)
    made = made_of(film, tmp_path / "made")
    assert made.notes[0].endswith("s of its sound cannot be decoded and are silent")
    assert made.clips[0].end == pytest.approx(6.0)


def test_a_damaged_picture_ends_the_film_there(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", Recipe(seconds=8.0, gop=10))
    spoil(film, "video", 0.5)
    made = made_of(film, tmp_path / "made")
    assert made.clips[0].end == pytest.approx(4.0, abs=0.3)
    assert made.notes[0].startswith("taken up to")
