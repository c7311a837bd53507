"""Still pictures of a clip: a poster to show before it plays, and a strip of thumbnails for its time line.

Each thumbnail leaves a look behind, a perceptual hash of 64 bits by which another copy of the film is known.
"""

from __future__ import annotations

from pathlib import Path

import imagehash
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageStat

from annotation.media.normal_form import STILL_EVERY_S

THUMB_HEIGHT = 72
POSTER_HEIGHT = 360
POSTER_AT_S = 1.0  # films fade in
DARK = 24  # of 255: the bars above and beside a picture are not brighter
FLAT = 4.0  # standard deviation of the brightness below which there is nothing to be known by


class Stills:
    """Is shown each picture of a clip in order and keeps a few."""

    def __init__(self) -> None:
        self.looks: list[int] = []
        self._thumbs: list[Image.Image] = []
        self._poster: Image.Image | None = None

    def offer(self, second: float, picture: VideoFrame) -> None:
        if second >= len(self._thumbs) * STILL_EVERY_S:
            self._thumbs.append(_scaled(picture, THUMB_HEIGHT))
            self.looks.append(look_of(self._thumbs[-1]))
        if self._poster is None or (second >= POSTER_AT_S and self._poster.info.get("first")):
            self._poster = _scaled(picture, POSTER_HEIGHT)
            self._poster.info["first"] = second < POSTER_AT_S

    def save(self, poster: Path, strip: Path) -> None:
        """Two JPEG files; in the strip the thumbnails of every third second stand side by side."""
        assert self._poster is not None
        self._poster.save(poster, quality=80)
        width, height = self._thumbs[0].size
        row = Image.new("RGB", (width * len(self._thumbs), height))
        for place, thumb in enumerate(self._thumbs):
            row.paste(thumb, (place * width, 0))
        row.save(strip, quality=70)


def look_of(picture: Image.Image) -> int:
    """Difference hash of a picture without its black bars, a signed number of 64 bits; 0 of one that shows nothing.

    A copy that was scaled, coded again, made brighter, framed by bars or given a small logo differs in 10 bits at most.
    """
    grey = picture.convert("L")
    shown = grey.point(lambda value: 255 * (value > DARK)).getbbox()
    if shown is None or ImageStat.Stat(grey.crop(shown)).stddev[0] < FLAT:
        return 0
    bits = imagehash.dhash(grey.crop(shown)).hash
    return int(np.packbits(bits).view(">i8")[0])


def _scaled(picture: VideoFrame, height: int) -> Image.Image:
    height = min(height, picture.height)
    width = max(1, round(picture.width * height / picture.height))
    return picture.reformat(width=width, height=height, format="rgb24", interpolation="AREA", threads=1).to_image()
