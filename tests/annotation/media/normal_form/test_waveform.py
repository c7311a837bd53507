"""The drawing of a clip's loudness."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import fromstring

import numpy as np

from annotation.media.normal_form.sound import RATE
from annotation.media.normal_form.waveform import PEAKS, draw_waveform, peaks


def test_a_peak_is_the_loudest_of_its_part_on_any_channel() -> None:
    samples = np.zeros((2, 60 * RATE), np.float32)
    samples[1, 30 * RATE] = -0.5  # one sample, on one side
    samples[0, -1] = 1.5  # beyond full scale, as float sound may be
    found = peaks(samples)
    assert found.shape == (PEAKS,)
    assert (found[PEAKS // 2], found[-1]) == (0.5, 1.0)
    assert np.count_nonzero(found) == 2


def test_sound_shorter_than_the_drawing_has_a_peak_a_part() -> None:
    assert peaks(np.full((1, 7), 0.25, np.float32)).tolist() == [0.25] * 7 + [0.0] * (PEAKS - 7)


def test_the_drawing_is_small_and_as_high_as_it_is_loud(tmp_path: Path) -> None:
    samples = np.repeat(np.array([[0.0, 0.8]], np.float32), 10 * RATE, axis=1)
    text = draw_waveform(samples, tmp_path / "drawn.svg").read_text()
    assert len(text) < 20_000
    drawn = fromstring(text)
    assert drawn.attrib["viewBox"] == "0 0 600 100"
    bars = re.findall(r"M(\d+) ([\d.]+)h1v([\d.]+)", drawn[0].attrib["d"])
    assert [int(bar[0]) for bar in bars] == list(range(PEAKS))
    assert {bar[1:] for bar in bars[: PEAKS // 2]} == {("49.5", "1.0")}
    assert {bar[1:] for bar in bars[PEAKS // 2 :]} == {("10.0", "80.0")}
