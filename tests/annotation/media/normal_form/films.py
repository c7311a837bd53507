"""Films as people have them, small, with every picture stamped by its number, so that picture and second compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, BITS = 128, 96, 8
PIXEL_FORMATS = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le", "libx265": "yuv420p", "libx264rgb": "rgb24"}
TONE_HZ = 440.0


@dataclass(frozen=True)
class Recipe:
    """How a film is made. `rotation` in degrees counter-clockwise by which a player turns it; seconds otherwise."""

    suffix: str = ".mp4"
    picture: str = "libx264"
    sound: str | None = None
    rotation: int = 0
    picture_at: float = 0.0
    sound_at: float = 0.0
    rate: int = 10
    seconds: float = 5.0
    gop: int = 250
    options: tuple[tuple[str, str], ...] = ()
    times: Callable[[int], float] | None = None  # second of picture number n, for a variable rate
    cover: bool = False
    other_sound: float = 0.0  # seconds of another track of sound

    def __str__(self) -> str:
        return f"{self.suffix}-{self.picture}-{self.sound}-{self.rotation}-{self.picture_at:g}-{self.rate}"


def stamped(number: int) -> NDArray[np.uint8]:
    """An upright picture: white corner at the top left, red one at the top right, the number as bits across."""
    picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    picture[:24, :24] = 255
    picture[:24, -24:] = (200, 20, 20)
    for bit in range(BITS):
        if number >> bit & 1:
            picture[48:80, bit * 16 : bit * 16 + 16] = 230
    return picture


def read_stamp(picture: NDArray[np.uint8]) -> int:
    """The number of a picture of any size that is upright."""
    height, width = picture.shape[:2]
    assert picture[height // 8, width // 12].min() > 180, "not upright: the white corner is not at the top left"
    red = picture[height // 8, width - width // 12].astype(int)
    assert red[0] > red[1] + 60, "not upright: the red corner is not at the top right"
    row = picture[height * 2 // 3].mean(axis=1)
    return sum(1 << bit for bit in range(BITS) if row[int((bit + 0.5) * width / BITS)] > 145)


def make_film(path: Path, recipe: Recipe) -> Path:
    """Write the film; its suffix is the recipe's."""
    path = path.with_suffix(recipe.suffix)
    with av.open(str(path), "w", options=dict(recipe.options)) as out:
        if recipe.cover:
            cover = out.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
        shown = _picture_stream(out, recipe)
        heard = out.add_stream(recipe.sound, rate=48_000) if recipe.sound else None
        other = out.add_stream("aac", rate=48_000) if recipe.other_sound else None
        if other is not None:
            other.codec_context.bit_rate = 16_000  # the poorer of the two
        if recipe.cover:
            out.mux(cover.encode(_frame(np.full((480, 640, 3), 128, np.uint8), 0.0, Fraction(1, 1000))))
            out.mux(cover.encode(None))
        for number in range(round(recipe.seconds * recipe.rate)):
            second = recipe.times(number) if recipe.times else number / recipe.rate
            turned = np.rot90(stamped(number), -recipe.rotation // 90).copy()
            base = Fraction(1, 1000) if recipe.times else Fraction(1, recipe.rate)
            out.mux(shown.encode(_frame(turned, second + recipe.picture_at, base)))
        out.mux(shown.encode(None))
        if heard is not None:
            out.mux(_sound(heard, recipe))
        if other is not None:
            out.mux(_sound(other, replace(recipe, seconds=recipe.other_sound)))
    return path


def _picture_stream(out: av.container.OutputContainer, recipe: Recipe) -> av.video.stream.VideoStream:
    stream = out.add_stream(recipe.picture, rate=recipe.rate)
    turned = recipe.rotation % 180 != 0
    stream.width, stream.height = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
    stream.pix_fmt = PIXEL_FORMATS.get(recipe.picture, "yuv420p")
    stream.gop_size = recipe.gop
    if recipe.picture == "libx265":
        stream.options = {"x265-params": "log-level=none"}
    if recipe.times:
        stream.codec_context.time_base = Fraction(1, 1000)
    if recipe.rotation:
        stream.set_display_rotation(recipe.rotation)
    return stream


def _frame(picture: NDArray[np.uint8], second: float, base: Fraction) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts, frame.time_base = round(second / base), base
    return frame


def _sound(stream: av.audio.stream.AudioStream, recipe: Recipe) -> Iterable[av.Packet]:
    length = stream.codec_context.frame_size or 1024
    for first in range(0, round(recipe.seconds * 48_000), length):
        wave = 0.4 * np.sin((np.arange(length) + first) * (2 * np.pi * TONE_HZ / 48_000))
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = first + round(recipe.sound_at * 48_000)
        yield from stream.encode(frame)
    yield from stream.encode(None)
