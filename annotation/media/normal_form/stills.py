"""Still pictures of a clip: a poster to show before it plays, and a strip of thumbnails for its time line."""

from __future__ import annotations

from pathlib import Path

from av.video.frame import VideoFrame
from PIL import Image

EVERY_S = 3.0  # at most 20 thumbnails of a minute
THUMB_HEIGHT = 72
POSTER_HEIGHT = 360
POSTER_AT_S = 1.0  # films fade in


class Stills:
    """Is shown each picture of a clip in order and keeps a few."""

    def __init__(self) -> None:
        self._thumbs: list[Image.Image] = []
        self._poster: Image.Image | None = None

    def offer(self, second: float, picture: VideoFrame) -> None:
        if second >= len(self._thumbs) * EVERY_S:
            self._thumbs.append(_scaled(picture, THUMB_HEIGHT))
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


def _scaled(picture: VideoFrame, height: int) -> Image.Image:
    height = min(height, picture.height)
    width = max(1, round(picture.width * height / picture.height))
    return picture.reformat(width=width, height=height, format="rgb24", interpolation="AREA", threads=1).to_image()
