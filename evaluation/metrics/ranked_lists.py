"""The form in which every reader hands over predictions: flat columns, some queries at a time."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.kernels.types import Float64s, Int64s

KERNEL_ARRAY: tuple[Literal["C"], Literal["A"], Literal["W"]] = ("C", "A", "W")  # contiguous, aligned, writeable
RETRIEVAL_TASKS = ("VCMR", "SVMR", "VR")


class ListColumns(NamedTuple):
    """What kernels see of `RankedLists`: its arrays."""

    offsets: Int64s
    video: Int64s
    start: Float64s
    end: Float64s
    score: Float64s


@dataclass
class RankedLists:
    """Ranked lists of some queries of one task.

    `desc_ids` int64 [N]; list i holds rows offsets[i] .. offsets[i+1]-1 of `video` int64 (idx of the release),
    `start`, `end` (seconds), `score` float64 [R]. VR rows have start = end = 0. `has_score` is False where
    the file's rows carry none (VALUE's three items): such lists cannot be suppressed.
    """

    task: str
    desc_ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    video: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    score: NDArray[np.float64]
    has_score: bool = True

    def __post_init__(self) -> None:
        """Kernels take nothing but writeable C arrays of these types; what is one already is not copied."""
        for name in ("desc_ids", "offsets", "video"):
            setattr(self, name, np.require(getattr(self, name), np.int64, KERNEL_ARRAY))
        for name in ("start", "end", "score"):
            setattr(self, name, np.require(getattr(self, name), np.float64, KERNEL_ARRAY))

    @property
    def columns(self) -> ListColumns:
        """The arrays themselves, for kernels."""
        return ListColumns(self.offsets, self.video, self.start, self.end, self.score)

    def __len__(self) -> int:
        return len(self.desc_ids)
