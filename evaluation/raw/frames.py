"""The frame features of the clips of a raw folder, joined and checked, and kept on the disk while they are used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import IO

import numpy as np

from evaluation.forms.records import Fault, FormError
from evaluation.raw.annotations import Problem
from evaluation.raw.arrays import ArrayFault
from evaluation.raw.folders import FeatureFolder
from evaluation.release.features import Vectors, rate_fault

FLOAT32 = np.dtype("<f4")


@dataclass(frozen=True)
class Frames:
    """{clip: float32 [frames, dim]}, mapped from a file, and the seconds of each clip; what is wrong with others."""

    vectors: Mapping[str, Vectors]
    durations: Mapping[str, float]
    problems: list[Problem]


def read_frames(
    folders: Sequence[FeatureFolder],
    clips: Mapping[str, float | None],
    interval_s: float,
    file: IO[bytes],
    done: Callable[[], None],
) -> Frames:
    """The features of the `clips`, given with their seconds where these are known, one frame each `interval_s` seconds.

    A frame has the numbers of all folders, in their order; where one has fewer frames, so many are taken, as the
    authors do. Without seconds a clip is as long as its frames are. All lies in the empty `file` and is mapped from
    there; `done()` is called after each clip. Raises FormError where more than half of the clips have no features.
    """
    places: dict[str, tuple[int, int]] = {}
    durations: dict[str, float] = {}
    problems: list[Problem] = []
    dims: list[int] = []
    for name, duration in clips.items():
        try:
            arrays = _arrays(folders, name, dims)
            longest = max(map(len, arrays)) * interval_s
            durations[name] = round(longest if duration is None else duration, 3)
            frames = min(map(len, arrays))
            if not (frames and durations[name]):
                raise ArrayFault(f"{name}: {frames} frames in {durations[name]:g} s")
            if fault := rate_fault(frames, interval_s, durations[name]):
                raise ArrayFault(f"{name}: {fault}")
            dims = [array.shape[1] for array in arrays]
            places[name] = file.tell() // FLOAT32.itemsize, frames
            file.write(np.concatenate([array[:frames] for array in arrays], 1).astype(FLOAT32).tobytes())
        except ArrayFault as fault:
            problems.append(Problem(", ".join(folder.path.name for folder in folders), _fault(fault)))
        done()
    if 2 * len(places) < len(clips) or not places:
        why = f", the first: {problems[0].fault.why}" if problems else ""
        raise FormError(
            f"{', '.join(str(folder.path) for folder in folders)}: {len(problems)} of {len(clips)} clips have no "
            f"features that can be used{why}"
        )
    file.flush()
    numbers = np.frombuffer(mmap(file.fileno(), 0, access=ACCESS_READ), FLOAT32)
    width = sum(dims)
    vectors = {
        name: numbers[first : first + frames * width].reshape(frames, width) for name, (first, frames) in places.items()
    }
    return Frames(vectors, {name: durations[name] for name in places}, problems)


def _arrays(folders: Sequence[FeatureFolder], name: str, dims: Sequence[int]) -> list[Vectors]:
    """What each folder has of a clip; `dims` numbers a frame, where clips before say so. Raises ArrayFault."""
    arrays = []
    for place, folder in enumerate(folders):
        try:
            array = folder.read(name)
        except ArrayFault as fault:
            raise ArrayFault(f"{folder.path.name}: {fault}") from fault
        if dims and array.shape[1] != dims[place]:
            raise ArrayFault(
                f"{folder.path.name}: {name} has {array.shape[1]} numbers a frame, clips before have {dims[place]}"
            )
        arrays.append(array)
    return arrays


def _fault(fault: ArrayFault) -> Fault:
    return Fault(0, "features", str(fault))
