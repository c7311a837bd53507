"""How loud a clip is from its start to its end, drawn: an SVG file of a few kilobytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotation.media.normal_form.sound import Samples

PEAKS = 600
HEIGHT = 100  # of a full-scale peak, up and down together
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" preserveAspectRatio="none">
<path d="{path}" fill="#6d87a8"/></svg>
"""


def peaks(samples: Samples) -> NDArray[np.float32]:
    """The largest amplitude of each of PEAKS equal parts of samples [channels, N], 0 to 1: [PEAKS]."""
    loudest = np.abs(samples).max(axis=0)
    parts = np.array_split(loudest, PEAKS)
    return np.array([part.max(initial=0.0) for part in parts], np.float32).clip(0.0, 1.0)


def draw_waveform(samples: Samples, file: Path) -> Path:
    """Write a bar for each peak, above and below the middle; silence is a thin line."""
    half = np.maximum(peaks(samples) * (HEIGHT / 2), 0.5)
    bars = (f"M{place} {HEIGHT / 2 - up:.1f}h1v{2 * up:.1f}h-1z" for place, up in enumerate(half))
    file.write_text(SVG.format(width=PEAKS, height=HEIGHT, path="".join(bars)))
    return file
