"""The proof of a clip: what its file shows and sounds at a second is what was taken of the film for that second.

The file is opened anew, as a browser does it: seek to a key frame, decode on. Compared are small grey pictures, since
compression changes every pixel a little and none by much.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from annotation.media.normal_form.sound import RATE, Samples
from hero_model.features.video import open_video

LOOKS = 8  # pictures compared in a clip
GRID = 16
MOST_APART = 8.0  # mean difference of two grey pictures, of 255: compression stays below 3
SOUND_SLACK_S = 0.1
QUIET = 0.003  # full scale is 1; below it an encoder may hear nothing


class NotProven(ValueError):
    """The clip does not show or sound what it should; the message says where."""


def prove(file: Path, rate: Fraction, count: int, kept: NDArray[np.uint8], interval_s: float) -> None:
    """That the file holds `count` pictures at this rate, and shows at their seconds the pictures `kept` for features.

    `kept` is uint8 [N, size, size, 3], one for each `interval_s` seconds. Raises NotProven.
    """
    try:
        with open_video(file) as clip:
            _prove_times(clip, rate, count)
            for index in np.unique(np.linspace(0, len(kept) - 1, LOOKS).round().astype(int)):
                number = nearest(rate, count, (index + 0.5) * interval_s)
                apart = difference(picture_at(clip, number / rate, rate), kept[index])
                if apart > MOST_APART:
                    where = f"{float(number / rate):.2f} s"
                    raise NotProven(f"at {where} the clip shows another picture than its features ({apart:.0f} of 255)")
    except FFmpegError as error:
        raise NotProven(f"the clip does not decode: {error.strerror}") from error


def prove_copy(file: Path, proven: Path) -> None:
    """That the file holds the pictures of a proven one, packet for packet at the same times. Raises NotProven."""
    if _pictures_digest(file) != _pictures_digest(proven):
        raise NotProven("the clip with sound and the one without show different pictures")


def prove_sound(file: Path, seconds: float, samples: Samples | None) -> None:
    """That the file sounds as long and about as loud as the samples, or has no sound where they are None.

    Raises NotProven.
    """
    try:
        with open_video(file) as clip:
            if samples is None:
                if clip.streams.audio:
                    raise NotProven("the clip sounds, the film is silent")
                return
            power, count = 0.0, 0
            for frame in clip.decode(audio=0):
                heard = frame.to_ndarray().astype(np.float64)
                power, count = power + float((heard**2).mean(axis=0).sum()), count + frame.samples
                rate = frame.sample_rate
    except (FFmpegError, IndexError) as error:
        raise NotProven(f"the clip's sound does not decode: {error}") from error
    if not count or count / rate < seconds - SOUND_SLACK_S:
        raise NotProven(f"the clip sounds for {count / RATE:.2f} of {seconds:.2f} s")
    wanted, got = float(np.sqrt((samples.astype(np.float64) ** 2).mean())), (power / count) ** 0.5
    if wanted > QUIET and not wanted / 2 < got < wanted * 2:
        raise NotProven(f"the clip is {got / wanted:.2f} times as loud as the film")


def nearest(rate: Fraction, count: int, second: float) -> int:
    """Number of the picture nearest to a second, of two equally near the earlier, as features take it."""
    return min(max(int(np.ceil(float(second * rate) - 0.5)), 0), count - 1)


def picture_at(clip: InputContainer, second: Fraction, rate: Fraction) -> av.VideoFrame:
    """The picture that a player shows at this second. Raises NotProven past the end."""
    stream = clip.streams.video[0]
    assert stream.time_base is not None
    clip.seek(int(second / stream.time_base), stream=stream)
    for frame in clip.decode(stream):
        if frame.time is not None and frame.time > float(second) - float(1 / rate) / 2:
            return frame
    raise NotProven(f"nothing is shown at {float(second):.2f} s")


def difference(shown: av.VideoFrame, kept: NDArray[np.uint8]) -> float:
    """Mean distance of two pictures as small grey ones, 0 to 255."""
    return float(np.abs(_grey(shown) - _grey(av.VideoFrame.from_ndarray(kept, format="rgb24"))).mean())


def _grey(picture: av.VideoFrame) -> NDArray[np.float64]:
    small = picture.reformat(width=GRID, height=GRID, format="rgb24", interpolation="AREA", threads=1)
    return small.to_ndarray().mean(axis=2)


def _pictures_digest(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with open_video(file) as clip:
            stream = clip.streams.video[0]
            digest.update(stream.codec_context.extradata or b"")
            for packet in clip.demux(stream):
                time = packet.pts * stream.time_base if packet.pts is not None and stream.time_base else None
                digest.update(repr((time, packet.is_keyframe, packet.size)).encode())
                digest.update(bytes(packet))
    except FFmpegError as error:
        raise NotProven(f"the clip cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _prove_times(clip: InputContainer, rate: Fraction, count: int) -> None:
    stream = clip.streams.video[0]
    assert stream.time_base is not None
    times = sorted(packet.pts for packet in clip.demux(stream) if packet.pts is not None)
    if len(times) != count:
        raise NotProven(f"the clip holds {len(times)} pictures, {count} were taken")
    wanted = np.arange(count) / float(rate)
    if np.abs(np.array(times) * float(stream.time_base) - wanted).max() > float(1 / rate) / 2:
        raise NotProven("the clip's pictures are not at a constant rate from 0 on")
