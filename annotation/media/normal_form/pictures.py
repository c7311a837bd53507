"""The pictures of a film on its own time line: which one a player shows at a second, upright and in its final size."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import av
from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange

from annotation.media.normal_form.streams import LONGEST_STILL_S, Film
from hero_model.features.video import open_video

BRIDGED_S = 0.5  # a fault this short is bridged by the last good picture; at a longer one the film ends
BACKWARDS_S = 1.0  # time that runs back by more than this is a fault of the time stamps
TURNS = {90: ["cclock"], 180: ["clock", "clock"], 270: ["clock"]}  # filter transpose, by degrees counter-clockwise


class Pictures:
    """Asked for the picture at one second after the other; None when the film is over.

    `fault` says in words what ended it early, `bridged` counts the faults that were bridged, `end_s` is its length
    once it is over. With `strict` the decoder takes nothing amiss lightly.
    """

    def __init__(self, film: Film, *, strict: bool = False) -> None:
        self.fault = ""
        self.bridged = 0
        self.end_s = 0.0
        self._film, self._strict = film, strict
        self._half = float(1 / film.rate) / 2
        self._frames = self._decode()
        self._next = next(self._frames, None)
        self._shown: VideoFrame | None = None if self._next is None else self._next[1]

    def at(self, second: float) -> VideoFrame | None:
        """The picture shown then (held over gaps, the first one from 0 on). Seconds never go back."""
        while self._next is not None and self._next[0] <= second + self._half:
            self._shown = self._next[1]
            self._next = next(self._frames, None)
        if self._next is None and second >= self.end_s - self._half:
            return None
        return self._shown

    def close(self) -> None:
        self._frames.close()

    def _decode(self) -> Generator[tuple[float, VideoFrame]]:
        """Good frames in order of time, as (second, frame)."""
        last, length, damaged = None, float(1 / self._film.rate), False
        with open_video(self._film.path) as container, closing(self._packets(container)) as packets:
            for frames in packets:
                damaged |= frames is None
                for frame in frames or []:
                    if frame.is_corrupt or frame.time is None:
                        damaged |= last is not None
                        continue
                    second = max(0.0, frame.time - self._film.origin)
                    if self._is_beyond(last, second, damaged):
                        self.end_s = 0.0 if last is None else last + length
                        return
                    if last is not None and second <= last:
                        continue
                    self.bridged += damaged
                    damaged, last = False, second
                    length = self._length(frame)
                    yield second, frame
        self._finish(last, length, damaged)

    def _packets(self, container: av.container.InputContainer) -> Generator[list[VideoFrame] | None]:
        """The frames of one packet after the other, None for one that cannot be decoded."""
        stream = container.streams[self._film.picture]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = 2  # frames in flight are memory
        if self._strict:
            stream.codec_context.options = {"err_detect": "explode"}
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:  # the file itself breaks off
                yield None
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except FFmpegError:
                yield None
                continue
            yield frames

    def _is_beyond(self, last: float | None, second: float, damaged: bool) -> bool:
        """Whether the film ends before this frame; `fault` then says why."""
        if last is None:
            return False
        if damaged and second - last > BRIDGED_S:
            self.fault = f"its picture is damaged after {last:.2f} s"
        elif not -BACKWARDS_S < second - last < LONGEST_STILL_S:
            self.fault = f"its time stamps jump from {last:.2f} to {second:.2f} s"
        return bool(self.fault)

    def _length(self, frame: VideoFrame) -> float:
        stated = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else 0.0
        return stated if 0 < stated < LONGEST_STILL_S else float(1 / self._film.rate)

    def _finish(self, last: float | None, length: float, damaged: bool) -> None:
        if last is None:
            return
        self.end_s = last + length
        if damaged and self._film.picture_end - self.end_s > BRIDGED_S:
            self.fault = f"its picture is damaged after {last:.2f} s"
        elif BRIDGED_S < self._film.sound_end - self.end_s < LONGEST_STILL_S:
            self.end_s = self._film.sound_end  # a player shows the last picture until the sound is over


class Upright:
    """Turns, scales and converts frames to what the normal form holds."""

    def __init__(self, film: Film) -> None:
        self._size = (film.width, film.height)
        self._graphs: dict[int, Graph] = {}
        self._before: VideoFrame | None = None
        self._after: VideoFrame | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        if frame is not self._before or self._after is None:
            self._before, self._after = frame, self._turn(frame)
        return self._after

    def _turn(self, frame: VideoFrame) -> VideoFrame:
        turn = round(frame.rotation / 90) * 90 % 360
        width, height = self._size if turn % 180 == 0 else self._size[::-1]
        full = (
            frame.color_range == ColorRange.JPEG
        )  # as cameras and MJPEG have it; the form has the range of television
        ranges = {"src_color_range": ColorRange.JPEG, "dst_color_range": ColorRange.MPEG} if full else {}
        picture = frame.reformat(width=width, height=height, format="yuv420p", threads=1, **ranges)
        if turn:
            graph = self._graph(turn, picture)
            graph.vpush(picture)
            picture = graph.vpull()
        picture.pict_type = PictureType.NONE  # else the encoder repeats the source's key frames
        return picture

    def _graph(self, turn: int, template: VideoFrame) -> Graph:
        if turn not in self._graphs:
            graph = Graph()
            source = graph.add_buffer(
                width=template.width, height=template.height, format=template.format, time_base=template.time_base
            )
            turns = [graph.add("transpose", way) for way in TURNS[turn]]
            graph.link_nodes(source, *turns, graph.add("buffersink")).configure()
            self._graphs[turn] = graph
        return self._graphs[turn]
