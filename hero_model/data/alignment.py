"""Which frames belong to which subtitle sentence (Sec. 3.1, Frame-Subtitle Pairing).

Times in seconds; frame i covers [i * interval, (i + 1) * interval).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hero_model.errors import InputError

# The released code keeps this many frames of a last sentence that is longer than its limit in seconds
# (subtitles of TV shows often end in one that lasts until the credits).
FRAMES_OF_LONG_LAST_SENTENCE = 11


@dataclass(frozen=True)
class FrameAlignment:
    """frames[s]: the frames of sentence s alone; overlapping[s]: all it overlaps, also before or after the clip."""

    frames: list[NDArray[np.int64]]
    overlapping: list[range]
    unmatched_frames: NDArray[np.int64]


def align_frames(
    times: Sequence[tuple[float, float]],
    n_frames: int,
    interval: float,
    last_sentence_limit: float | None = None,
) -> FrameAlignment:
    """Give each frame to the sentence with which it has the largest temporal IoU (of equal ones the first).

    A sentence that starts after the last frame gets none. last_sentence_limit (None or 0: none) asks for the
    released code's two exceptions: a last sentence of which the clip shows more seconds keeps its first frames
    only, and a frame that no sentence overlaps by more than nothing goes to the clip's first sentence. Raises
    InputError for times that are not finite.
    """
    seconds, in_frames = _in_single_precision(times, interval)
    overlapping = []
    for index, (start, end) in enumerate(in_frames):
        frames = range(math.floor(start), math.ceil(end))
        if seconds[index, 0] >= n_frames * interval:
            frames = frames[:0]
        shown = min(seconds[index, 1], n_frames * interval) - seconds[index, 0]
        if index == len(times) - 1 and last_sentence_limit and shown > last_sentence_limit:
            frames = frames[:FRAMES_OF_LONG_LAST_SENTENCE]
        overlapping.append(frames)

    best, owner = np.zeros(n_frames, np.float32), np.full(n_frames, -1)
    for index, (start, end) in enumerate(in_frames):
        inside = np.arange(max(overlapping[index].start, 0), min(overlapping[index].stop, n_frames))
        owner[inside[owner[inside] < 0]] = 0 if last_sentence_limit else index
        iou = _iou_with_frames(start, end, inside.astype(np.float32))
        better = iou > best[inside]
        owner[inside[better]], best[inside[better]] = index, iou[better]
    return FrameAlignment(
        frames=[np.flatnonzero(owner == index) for index in range(len(times))],
        overlapping=overlapping,
        unmatched_frames=np.flatnonzero(owner < 0),
    )


def _in_single_precision(
    times: Sequence[tuple[float, float]], interval: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Start and end of the sentences in seconds and in frames, [S, 2]; in the released code's 32 bits.

    At the edge of a frame the rounding decides: 8.4 s are 7 frames of 1.2 s, in 64 bits a little more.
    """
    with np.errstate(over="ignore"):
        seconds = np.array(times, np.float32).reshape(-1, 2)
        in_frames = seconds / np.float32(interval)
    finite = np.isfinite(in_frames).all(1)
    if not finite.all():
        index = int(finite.argmin())
        start, end = times[index]
        raise InputError(f"sentence {index}: start and end must be finite seconds, got {start:g} and {end:g}")
    return seconds, in_frames


def _iou_with_frames(start: np.float32, end: np.float32, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """IoU of [start, end] (in frames) with each [f, f + 1]; they overlap, so the hull is the union."""
    both = np.minimum(end, frames + 1) - np.maximum(start, frames)
    return np.maximum(both, 0) / (np.maximum(end, frames + 1) - np.minimum(start, frames))


def join_unmatched(
    sentences: Sequence[NDArray[np.int64]],
    frames: Sequence[NDArray[np.int64]],
    times: Sequence[tuple[float, float]],
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Append sentences without frames to their nearest neighbour with frames ("to avoid information loss").

    Nearest by the gap in time, of equal ones the earlier; words stay in the order of the sentences. The
    result holds only sentences with frames (none, where no sentence has any).
    """
    matched = [index for index, own in enumerate(frames) if len(own)]
    if not matched:
        return [], []
    members: dict[int, list[int]] = {index: [index] for index in matched}
    for index, own in enumerate(frames):
        if not len(own):
            gaps = {m: max(times[m][0] - times[index][1], times[index][0] - times[m][1], 0) for m in matched}
            members[min(matched, key=lambda m: gaps[m])].append(index)
    joined = [np.concatenate([sentences[i] for i in sorted(members[m])]) for m in matched]
    return joined, [frames[m] for m in matched]


def span_of_seconds(start: float, end: float, n_frames: int, interval: float) -> tuple[int, int]:
    """First and last frame of a moment in seconds; at least two frames where the clip has them."""
    first = min(int(np.floor(start / interval)), n_frames - 1)
    last = min(max(int(np.ceil(end / interval)) - 1, first + 1), n_frames - 1)
    return first, last
