"""Which frames belong to which subtitle sentence (Sec. 3.1, Frame-Subtitle Pairing).

Times in seconds; frame i covers [i * interval, (i + 1) * interval).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The released code keeps this many frames of a last sentence that is longer than its limit in seconds
# (subtitles of TV shows often end in one that lasts until the credits).
FRAMES_OF_LONG_LAST_SENTENCE = 11


@dataclass(frozen=True)
class Pairing:
    """frames[s]: the frames of sentence s alone; overlapping[s]: all frames it overlaps (may pass the end)."""

    frames: list[NDArray[np.int64]]
    overlapping: list[NDArray[np.int64]]
    unmatched_frames: NDArray[np.int64]


def pair(
    times: Sequence[tuple[float, float]],
    n_frames: int,
    interval: float,
    last_sentence_limit: float | None = None,
) -> Pairing:
    """Give each frame to the sentence with which it has the largest temporal IoU (of equal ones the first).

    A sentence that starts after the last frame gets none. last_sentence_limit: seconds above which the last
    sentence keeps its first frames only.
    """
    overlapping = []
    for index, (start, end) in enumerate(times):
        frames = np.arange(int(np.floor(start / interval)), int(np.ceil(end / interval)))
        if start / interval >= n_frames:
            frames = frames[:0]
        is_last = index == len(times) - 1
        if is_last and last_sentence_limit is not None and end - start > last_sentence_limit:
            frames = frames[:FRAMES_OF_LONG_LAST_SENTENCE]
        overlapping.append(frames)

    best, owner = np.zeros(n_frames), np.full(n_frames, -1)
    for index, (start, end) in enumerate(times):
        frames = overlapping[index][(overlapping[index] >= 0) & (overlapping[index] < n_frames)]
        iou = _iou_with_frames(start / interval, end / interval, frames)
        better = frames[(iou > best[frames]) | (owner[frames] < 0)]
        best[better] = iou[(iou > best[frames]) | (owner[frames] < 0)]
        owner[better] = index
    return Pairing(
        frames=[np.flatnonzero(owner == index) for index in range(len(times))],
        overlapping=overlapping,
        unmatched_frames=np.flatnonzero(owner < 0),
    )


def _iou_with_frames(start: float, end: float, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """IoU of [start, end] (in frames) with each [f, f + 1]; they overlap, so the hull is the union."""
    both = np.minimum(end, frames + 1) - np.maximum(start, frames)
    return np.maximum(both, 0) / np.maximum(np.maximum(end, frames + 1) - np.minimum(start, frames), 1e-12)


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
