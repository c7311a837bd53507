"""Decode a video file once and keep the frames that features are computed from.

Times are seconds from the start of the file, as a player counts them; nothing here needs torch.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

# Kinds of files that name no other file and no address: a playlist that is called .mp4 would open what it names.
CONTAINERS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,gif,apng,dv,nut,ivf,h264,hevc,rm,3gp,"
    "mp3,wav,flac,aac,ac3,png_pipe,jpeg_pipe,webp_pipe"  # no films: what is wrong with them can be said
)
NO_PICTURE = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
BACKWARDS_S = 1.0  # time that runs back by more than this is a fault of the time stamps
LONGEST_GAP_S = 60.0  # a picture shown longer than this is no film: its time stamps jump


class VideoError(ValueError):
    """The file cannot be decoded as video; the message names the file and the reason."""


def open_video(path: str | Path) -> InputContainer:
    """The film's container, whatever bytes stand in its texts; no other file and no address is opened for it.

    Raises FFmpegError.
    """
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
    return av.open(f"file:{path}", metadata_errors="replace", options=options)


def decode(path: str | Path) -> Iterator[tuple[float, av.VideoFrame]]:
    """Yield (seconds from the start of the file, frame) of the moving picture, in order of presentation.

    Raises VideoError when the file is missing, is no video, holds no frame, breaks off in the middle, shows one
    frame for more than LONGEST_GAP_S, or begins again.
    """
    try:
        number = _moving_picture(path)
        with open_video(path) as container:
            stream = container.streams[number]
            assert isinstance(stream, VideoStream)
            stream.thread_type = "AUTO"
            start_s = (container.start_time or 0) / av.time_base
            last_s = -1.0
            for frame in container.decode(stream):
                assert isinstance(frame, av.VideoFrame)
                # A frame without a time stamp, or one that goes back in time, has no place on the time line.
                if frame.time is not None and frame.time - start_s < last_s - BACKWARDS_S:
                    raise VideoError(f"{path}: its time stamps jump back from {last_s:g} to {frame.time - start_s:g} s")
                if frame.time is None or frame.time - start_s <= last_s:
                    continue
                before_s, last_s = max(0.0, last_s), max(0.0, frame.time - start_s)
                if last_s - before_s > LONGEST_GAP_S:
                    raise VideoError(f"{path}: its time stamps jump from {before_s:g} to {last_s:g} s")
                yield last_s, _upright(frame)
            if last_s < 0:
                raise VideoError(f"{path}: no frame could be decoded")
    except FFmpegError as error:
        raise VideoError(f"{path}: cannot be decoded as video: {error.strerror}") from error


def _upright(frame: av.VideoFrame) -> av.VideoFrame:
    """As a player turns it."""
    turns = round(frame.rotation / 90) % 4
    if not turns:
        return frame
    turned = np.rot90(frame.to_ndarray(format="rgb24"), turns)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(turned), format="rgb24")


def _moving_picture(path: str | Path) -> int:
    """Index of the stream to look at: the largest that moves; a cover only where nothing else does."""
    packets: dict[int, int] = {}
    with open_video(path) as container:
        found = [stream for stream in container.streams.video if stream.codec_context is not None]
        if not found:
            raise VideoError(
                f"{path}: no video stream in it" + (" that can be decoded" * bool(container.streams.video))
            )
        if len(found) > 1:
            with suppress(FFmpegError):  # where it breaks off, the decoder says
                for packet in container.demux(found):
                    packets[packet.stream_index] = packets.get(packet.stream_index, 0) + bool(packet.size)

        def rank(stream: VideoStream) -> tuple[bool, bool, int, int]:
            shown = not stream.disposition & NO_PICTURE
            return shown, packets.get(stream.index, 0) > 1, stream.width * stream.height, -stream.index

        return max(found, key=rank).index


class FrameSampler:
    """Keep one frame for each interval of a stream of frames.

    Frame i is the one nearest the middle of [i * interval, (i + 1) * interval); of two equally near
    the earlier. Each kept frame is converted once, and no more than two decoded frames are held.
    """

    def __init__(self, interval_s: float, size: int = 224) -> None:
        if not interval_s > 0:
            raise ValueError(f"interval_s must be above 0, got {interval_s}")
        self.interval_s = interval_s
        self.size = size
        self._kept: list[NDArray[np.uint8]] = []
        self._taken = 0
        self._last: tuple[float, av.VideoFrame] | None = None

    def offer(self, time_s: float, frame: av.VideoFrame) -> None:
        """Show the sampler the next frame. Raises ValueError when time goes backwards."""
        if self._last is not None and time_s < self._last[0]:
            raise ValueError(f"frame at {time_s} s offered after the one at {self._last[0]} s")
        while (middle_s := self._middle(self._taken + self.waiting)) <= time_s:
            before = self._last
            earlier_is_nearer = before is not None and middle_s - before[0] <= time_s - middle_s
            self._keep(before[1] if before is not None and earlier_is_nearer else frame)
        self._last = (time_s, frame)

    @property
    def waiting(self) -> int:
        """How many kept frames nobody took."""
        return len(self._kept)

    def take(self) -> NDArray[np.uint8]:
        """The frames kept so far, uint8 [N, size, size, 3], and forget them: a long film needs little memory."""
        taken = np.stack(self._kept)
        self._taken += len(taken)
        self._kept = []
        return taken

    def frames(self) -> NDArray[np.uint8]:
        """The kept frames that nobody took, uint8 [N, size, size, 3] in RGB, to the time of the last one offered."""
        if self._last is not None:
            slots = int(self._last[0] / self.interval_s) + 1
            if self._taken + self.waiting < slots:  # the stream ended before the middle of its last interval
                self._keep(self._last[1])
        return np.stack(self._kept) if self._kept else np.empty((0, self.size, self.size, 3), np.uint8)

    def _middle(self, slot: int) -> float:
        return (slot + 0.5) * self.interval_s

    def _keep(self, frame: av.VideoFrame) -> None:
        # The whole picture is squeezed into the square: cropping would hide what the annotators saw.
        small = frame.reformat(width=self.size, height=self.size, format="rgb24", interpolation="AREA", threads=1)
        self._kept.append(small.to_ndarray())
