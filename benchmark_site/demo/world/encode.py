"""Small H.264 files that every browser plays and that seek to any frame: each one is a key frame."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image


def encode(frames: Iterable[Image.Image], fps: Fraction, path: Path) -> None:
    """Write RGB pictures of one even size as mp4 (yuv420p, faststart), whole or not at all.

    The same pictures give the same bytes on one machine. That is why there is one thread, and why no picture is
    predicted from another one: the motion search of x264 was seen to give other bytes in one run of about thirty.
    """
    part = path.with_suffix(".part")
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1  # of the conversion from RGB as well
        stream.options = {"preset": "veryfast", "qp": "25", "g": "1", "rc-lookahead": "0", "mbtree": "0"}
        for index, picture in enumerate(frames):
            if index == 0:
                stream.width, stream.height = picture.size
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())
    part.replace(path)
