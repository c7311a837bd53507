"""Small H.264 files that every browser plays and seeks: no B frames, a key frame at least every 2 s."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image


def encode(frames: Iterable[Image.Image], fps: Fraction, path: Path) -> None:
    """Write RGB pictures of one even size as mp4 (yuv420p, faststart), whole or not at all.

    One thread, so that the same pictures give the same bytes on one machine.
    """
    part = path.with_suffix(".part")
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "21", "g": "12", "bf": "0", "threads": "1"}
        for index, picture in enumerate(frames):
            if index == 0:
                stream.width, stream.height = picture.size
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    part.replace(path)
