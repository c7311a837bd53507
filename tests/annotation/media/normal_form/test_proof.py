"""A proof fails where a clip is not what it is said to be."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from annotation.media.normal_form.clip_file import copy_with_sound
from annotation.media.normal_form.proof import NotProven, prove, prove_copy
from tests.annotation.media.normal_form.films import Recipe, make_film, stamped
from tests.annotation.media.normal_form.test_make import NORMAL

RATE = Fraction(NORMAL.rate)


def kept(shift: int = 0) -> np.ndarray:
    """What features are made of: a picture for the middle of each second of NORMAL."""
    return np.stack([stamped(10 * second + 5 + shift) for second in range(5)])


def test_a_clip_is_proven_by_the_pictures_that_it_shows(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", NORMAL)
    prove(film, RATE, 50, kept(), 1.0)
    with pytest.raises(NotProven, match=r"at 0\.50 s the clip shows another picture"):
        prove(film, RATE, 50, kept(shift=100), 1.0)
    with pytest.raises(NotProven, match="holds 50 pictures, 49 were taken"):
        prove(film, RATE, 49, kept(), 1.0)
    with pytest.raises(NotProven, match="not at a constant rate from 0 on"):
        prove(film, RATE + 1, 50, kept(), 1.0)


@pytest.mark.parametrize("sound", [None, "aac"])
def test_the_same_pictures_beside_other_sound_are_a_copy(sound: str | None, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", replace(NORMAL, sound=sound))
    silent = tmp_path / "silent.mp4"
    copy_with_sound(film, silent, None)
    prove_copy(silent, film)


@pytest.mark.parametrize(
    "other",
    [
        Recipe(gop=10, options=NORMAL.options, seconds=4.9),
        Recipe(gop=11, options=NORMAL.options),
    ],
    ids=["one picture fewer", "other packets"],
)
def test_other_pictures_are_no_copy(other: Recipe, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", NORMAL)
    with pytest.raises(NotProven, match="show different pictures"):
        prove_copy(make_film(tmp_path / "other", other), film)


def test_a_copy_in_which_one_byte_differs_is_none(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", NORMAL)
    content = bytearray(film.read_bytes())
    with av.open(str(film)) as opened:
        packet = [packet for packet in opened.demux(video=0) if packet.size][20]
        place = packet.pos + packet.size - 2
    content[place] ^= 1
    other = tmp_path / "other.mp4"
    other.write_bytes(content)
    with pytest.raises(NotProven, match="show different pictures"):
        prove_copy(other, film)


def test_the_same_packets_at_other_times_are_no_copy(tmp_path: Path) -> None:
    film, slow = make_film(tmp_path / "film", NORMAL), tmp_path / "slow.mp4"
    with av.open(str(film)) as source, av.open(str(slow), "w") as target:
        shown = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream, packet.dts, packet.pts = shown, packet.dts * 2, packet.pts * 2
                target.mux(packet)
    with pytest.raises(NotProven, match="show different pictures"):
        prove_copy(slow, film)


def test_what_is_no_clip_is_not_proven(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film", NORMAL)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    with pytest.raises(NotProven, match="cannot be read"):
        prove_copy(broken, film)
    with pytest.raises(NotProven, match="does not decode"):
        prove(broken, RATE, 50, kept(), 1.0)
