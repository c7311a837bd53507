"""The video index of a split: which clips are searched, how long they are, and by which number they are named."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.release.files import read_json
from evaluation.release.schema import ManifestFile, ReleaseError

MOST_VIDEOS = 2**24  # the field compares idx in float32, which is exact below this


@dataclass(frozen=True)
class VideoIndex:
    """The videos of one split, in the file's order: names, `ids` int64 [V] (unique), `durations` float64 [V] (s)."""

    names: list[str]
    ids: NDArray[np.int64]
    durations: NDArray[np.float64]

    @cached_property
    def position(self) -> dict[str, int]:
        """vid_name -> place in the arrays."""
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def id_of(self) -> dict[str, int]:
        """vid_name -> idx: the field's video2idx."""
        return dict(zip(self.names, self.ids.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.names)


def read_video_index(path: Path, entry: ManifestFile | None = None) -> dict[str, VideoIndex]:
    """{split: {vid_name: [duration_s, idx]}} -> {split: VideoIndex}; idx unique over the whole file."""
    raw = read_json(path, dict[str, dict[str, tuple[float, int]]], entry)
    seen: dict[int, str] = {}
    for videos in raw.values():
        for name, (duration, idx) in videos.items():
            if not (math.isfinite(duration) and duration > 0):
                raise ReleaseError(f"{path}: duration of {name!r} is {duration}, expected seconds above 0")
            if not 0 <= idx < MOST_VIDEOS:
                raise ReleaseError(f"{path}: idx of {name!r} is {idx}, expected 0 .. {MOST_VIDEOS - 1}")
            if idx in seen:
                raise ReleaseError(f"{path}: idx {idx} belongs to both {seen[idx]!r} and {name!r}")
            seen[idx] = name
    return {
        split: VideoIndex(
            list(videos),
            np.array([idx for _, idx in videos.values()], np.int64),
            np.array([duration for duration, _ in videos.values()], np.float64),
        )
        for split, videos in raw.items()
    }


def check_agreement(indexes: Mapping[Path, Mapping[str, VideoIndex]]) -> None:
    """Raises ReleaseError unless a clip has one split, duration and idx in all indexes, and an idx one clip."""
    places: dict[str, tuple[str, float, int]] = {}
    owners: dict[int, str] = {}
    for path, splits in indexes.items():
        for name, place in _places(splits):
            if places.setdefault(name, place) != place:
                raise ReleaseError(f"{path}: {name!r} is {place}, the other index has {places[name]} (split, s, idx)")
            owner = owners.setdefault(place[2], name)
            if owner != name:
                raise ReleaseError(f"{path}: idx {place[2]} of {name!r} belongs to {owner!r} in the other index")


def union(one: VideoIndex, other: VideoIndex) -> VideoIndex:
    """The clips of both, those of `one` first; they must agree (`check_agreement`)."""
    new = [place for place, name in enumerate(other.names) if name not in one.position]
    return VideoIndex(
        one.names + [other.names[place] for place in new],
        np.concatenate([one.ids, other.ids[new]]),
        np.concatenate([one.durations, other.durations[new]]),
    )


def _places(splits: Mapping[str, VideoIndex]) -> Iterator[tuple[str, tuple[str, float, int]]]:
    for split, videos in splits.items():
        for name, duration, idx in zip(videos.names, videos.durations.tolist(), videos.ids.tolist(), strict=True):
            yield name, (split, duration, idx)
