"""Films are known again by their pictures, whatever was done to the file; what only looks similar is not."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from random import Random

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from annotation.media.normal_form.make import make_clips
from annotation.media.normal_form.stills import look_of
from annotation.media.normal_form.streams import measure
from benchmark_site.releases.split.likeness import alike

WIDTH, HEIGHT = 320, 180


def picture(rng: np.random.Generator) -> Image.Image:
    """A picture of large soft shapes."""
    small = rng.integers(40, 256, (5, 8, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def film(seed: int, pictures: int = 12) -> list[Image.Image]:
    rng = np.random.default_rng(seed)
    return [picture(rng) for _ in range(pictures)]


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 4 * 2, image.height // 4 * 2))


def coded_again(image: Image.Image) -> Image.Image:
    kept = io.BytesIO()
    image.save(kept, "JPEG", quality=20)
    return Image.open(io.BytesIO(kept.getvalue()))


def brighter(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.15)


def framed(image: Image.Image) -> Image.Image:
    wide = Image.new("RGB", (WIDTH + 140, HEIGHT + 60))
    wide.paste(image, (70, 30))
    return wide


def with_logo(image: Image.Image) -> Image.Image:
    marked = image.copy()
    marked.paste((255, 255, 255), (WIDTH - 50, HEIGHT - 30, WIDTH - 10, HEIGHT - 10))
    return marked


def cropped(image: Image.Image) -> Image.Image:
    return image.crop((8, 4, WIDTH - 8, HEIGHT - 4))


def looks(pictures: list[Image.Image]) -> list[int]:
    return [look_of(image) for image in pictures]


@pytest.mark.parametrize("change", [smaller, coded_again, brighter, framed, with_logo, cropped])
def test_a_copy_is_known_by_its_pictures(change: Callable[[Image.Image], Image.Image]) -> None:
    shown = {f"film-{seed}": looks(film(seed)) for seed in range(20)}
    shown["copy"] = looks([change(image) for image in film(7)])
    assert alike(shown) == [("copy", "film-7")]


def test_a_part_is_like_the_whole_and_a_film_with_a_common_opening_is_not() -> None:
    shown = {"whole": looks(film(1, 20)), "part": looks(film(1, 20)[8:14])}
    shown["opening"] = looks(film(1, 20)[:3] + film(2, 17))
    assert alike(shown) == [("part", "whole")]


def test_the_same_pictures_in_another_order_are_another_film() -> None:
    pictures = film(3, 16)
    mixed = pictures[:]
    Random(0).shuffle(mixed)
    assert alike({"one": looks(pictures), "other": looks(mixed)}) == []


def test_what_stands_still_or_shows_nothing_is_like_nothing() -> None:
    still = looks(film(4, 1)) * 20
    black = looks([Image.new("RGB", (WIDTH, HEIGHT))] * 20)
    grey = looks([Image.new("RGB", (WIDTH, HEIGHT), (128, 128, 128))] * 20)
    assert set(black) == set(grey) == {0}
    assert alike({"still": still, "same": still, "black": black, "dark": black, "none": []}) == []


def test_three_different_pictures_are_enough() -> None:
    assert alike({"one": looks(film(5, 3)), "other": looks(film(5, 3))}) == [("one", "other")]
    assert alike({"one": looks(film(5, 2)), "other": looks(film(5, 2))}) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_copy_cut_between_two_thumbnails_is_known(seed: int) -> None:
    """Shots of one to three seconds, seen every third second, in the copy from the middle between two of these on."""
    drawn = Random(seed)
    lengths = [drawn.uniform(1.0, 3.0) for _ in range(60)]
    shots = [drawn.getrandbits(64) - 2**63 for _ in lengths]
    ends = np.cumsum(lengths)
    seen = lambda begin: [shots[int(np.searchsorted(ends, at, "right"))] for at in np.arange(begin, 60.0, 3.0)]  # noqa: E731
    assert alike({"whole": seen(0.0), "cut": seen(1.5)}) == [("cut", "whole")]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6), st.lists(st.integers(-9, 9), max_size=6))
def test_any_numbers_are_looks(some: list[int], others: list[int]) -> None:
    """Twice the same film is alike from three different looks on; the order of the mapping changes nothing."""
    found = alike({"a": some, "b": others, "c": some})
    assert alike({"c": some, "b": others, "a": some}) == found
    if len(set(some)) < 3:
        assert ("a", "c") not in found


def encoded(path: Path, pictures: list[Image.Image], codec: str, seconds: float) -> Path:
    """A film in which each picture stands for so long."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=2)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            for _ in range(round(2 * seconds)):
                out.mux(stream.encode(av.VideoFrame.from_image(picture)))
        out.mux(stream.encode(None))
    return path


def test_films_taken_in_are_known_again_over_their_clips(tmp_path: Path) -> None:
    """75 s are two clips: looks of both, every third second, of a film and of its small, framed copy."""
    pictures = film(8, 15)
    files = {
        "film": encoded(tmp_path / "film.mp4", pictures, "libx264", 5.0),
        "copy": encoded(tmp_path / "copy.mkv", [smaller(framed(picture)) for picture in pictures], "mpeg4", 5.0),
        "other": encoded(tmp_path / "other.mp4", film(9, 15), "libx264", 5.0),
    }
    shown = {}
    for name, file in files.items():
        (tmp_path / name).mkdir()
        first, second = make_clips(measure(file, 720), tmp_path / name, lambda done: None).clips
        assert (len(first.looks), len(second.looks)) == (20, 5)
        shown[name] = first.looks + second.looks
    assert alike(shown) == [("copy", "film")]
