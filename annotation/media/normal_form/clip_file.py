"""Write one clip in the normal form, and say whether a file is in it already.

The form: mp4 with its index in front; H.264 (yuv420p), upright, square pixels, a constant rate, a key frame each
second, time from 0; AAC where the film has sound; nothing else.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream

from annotation.media.normal_form.sound import RATE, Samples
from annotation.media.normal_form.streams import SLACK_S, Film
from hero_model.features.video import open_video

KEY_FRAME_S = 1.0
AAC_FRAME = 1024
RGB = 0  # AVCOL_SPC_RGB
COLOURS = ("color_primaries", "color_trc", "colorspace", "color_range")
_FASTSTART = {"movflags": "faststart"}
# Nothing looks ahead for scenes and B-frames: a third of veryfast's time at 23, as true to the film (docs/footage.md).
_X264 = {
    "preset": "ultrafast",
    "crf": "26",
    "x264-params": "bframes=3:b-adapt=0:scenecut=0:cabac=1:deblock=0,0:subme=1:8x8dct=1",
}
_AAC = {"aac_coder": "fast"}  # half the time at the same rate; loudness is proven


class PictureWriter:
    """An mp4 of pictures alone, one for each interval of the film's rate."""

    def __init__(self, out: Path, film: Film) -> None:
        self.count = 0
        self._rate = film.rate
        self._container = av.open(str(out), "w", format="mp4", options=_FASTSTART)
        options = {"g": str(max(1, int(film.rate * Fraction(KEY_FRAME_S)))), **_X264}
        self._stream = self._container.add_stream("libx264", rate=film.rate, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = film.width, film.height, "yuv420p"

    def add(self, picture: VideoFrame) -> None:
        if self.count == 0:  # else a browser guesses by the size which colours are meant
            for tag in COLOURS:
                setattr(self._stream.codec_context, tag, getattr(picture, tag))
            if picture.colorspace == RGB:  # of the source: what became of it is not
                self._stream.codec_context.colorspace = Colorspace.ITU601
        picture.pts, picture.time_base = self.count, 1 / self._rate
        self._container.mux(self._stream.encode(picture))
        self.count += 1

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


def copy_with_sound(pictures: Path, out: Path, samples: Samples | None, layout: str = "stereo") -> None:
    """The pictures of a file, packet for packet, and beside them the samples, or nothing, as sound."""
    with open_video(pictures) as source, av.open(str(out), "w", format="mp4", options=_FASTSTART) as target:
        shown = source.streams.video[0]
        streams = [(source.demux(shown), target.add_stream_from_template(shown))]
        if samples is not None:
            heard = target.add_stream("aac", rate=RATE, options=_AAC, layout=layout)
            streams.append((_encode(heard, samples, layout), heard))
        tracks = [_timed(packets, stream) for packets, stream in streams]
        for _, packet in heapq.merge(*tracks, key=lambda pair: pair[0]):
            target.mux(packet)


def _timed(packets: Iterator[Packet], stream: av.stream.Stream) -> Iterator[tuple[float, Packet]]:
    for packet in packets:
        if packet.dts is not None:
            packet.stream = stream
            yield float(packet.dts * packet.time_base), packet


def _encode(stream: av.audio.stream.AudioStream, samples: Samples, layout: str) -> Iterator[Packet]:
    for first in range(0, samples.shape[1], AAC_FRAME):
        part = np.ascontiguousarray(samples[:, first : first + AAC_FRAME])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def is_normal(film: Film) -> bool:
    """Whether the file as it is has the normal form (that it decodes without a fault is for the decoder to say)."""
    with open_video(film.path) as container:
        stream = container.streams[film.picture]
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        looks = (
            context.name == "h264"
            and context.pix_fmt == "yuv420p"
            and (stream.width, stream.height) == (film.width, film.height)
            and (stream.sample_aspect_ratio or 1) == 1
            and not film.rotation
        )
        if film.sound is not None:
            sound = container.streams[film.sound].codec_context
            looks = looks and sound.name == "aac" and sound.channels <= 2
            looks = looks and film.sound_end < film.picture_end + 5 * SLACK_S
        rate_fits = abs(float((stream.average_rate or 0) / film.rate) - 1) < 1e-3
    timed = film.constant and rate_fits and max(abs(film.origin), abs(film.picture_start)) < 1e-3
    seekable = film.longest_without_key <= KEY_FRAME_S + float(1 / film.rate) / 2 and not film.leading
    return looks and timed and seekable and film.only_these and index_is_in_front(film.path)


def index_is_in_front(path: Path) -> bool:
    """Whether an mp4's `moov` comes before its `mdat`, so that a browser can play before it has everything."""
    with path.open("rb") as file:
        while len(header := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", header)
            if kind in (b"moov", b"mdat"):
                return kind == b"moov"
            if size == 1:
                size = struct.unpack(">Q", file.read(8).rjust(8, b"\0"))[0] - 8
            if size < 8:
                return False
            file.seek(size - 8, 1)
    return False
