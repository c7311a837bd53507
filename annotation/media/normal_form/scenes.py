"""Where one scene ends and the next begins: the picture changes at once, and by more than it moved before.

Own code, since PySceneDetect cannot be imported without OpenCV, 60 MB for one comparison; here the pictures
that ingest decodes anyway are compared, in the same pass.
"""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

SIZE = (32, 18)
HARD = 18.0  # mean difference of small pictures, of 255; a pan or a flicker of light stays below
TIMES = 4.0  # as much as the pictures before differed on the average
REMEMBERED = 0.9  # weight of what was before in that average


class Scenes:
    """Is shown one picture after the other."""

    def __init__(self) -> None:
        self._shown: VideoFrame | None = None
        self._before: NDArray[np.float32] | None = None
        self._usual = 0.0

    def begins_with(self, picture: VideoFrame) -> bool:
        """Whether this picture is the first of another scene than the one before."""
        if picture is self._shown:
            return False
        small = picture.reformat(width=SIZE[0], height=SIZE[1], format="rgb24", interpolation="AREA", threads=1)
        now = small.to_ndarray().astype(np.float32)
        change = 0.0 if self._before is None else float(np.abs(now - self._before).mean())
        cut = change > max(HARD, TIMES * self._usual)
        self._usual = (
            REMEMBERED * self._usual + (1 - REMEMBERED) * change
        )  # cuts, too: else what flickers never is usual
        self._shown, self._before = picture, now
        return cut
