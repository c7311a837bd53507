"""Ranks of the first hit, and every retrieval metric that follows from them.

A row hits at threshold t when it names the query's video and its tIoU with the truth is at least t, all in float32
(TVRetrieval, standalone_eval/eval.py). Lists count down to their 100th row. Ranks count from 1; 0 means no hit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.lists import Lists
from evaluation.native import kernel
from evaluation.release import MomentQueries
from evaluation.temporal import NMS_ROWS_IN, ROWS_KEPT, group_by_appearance, suppress, tiou32

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
HEADLINE_THRESHOLDS = (0.5, 0.7)
RECALL_AT = (1, 5, 10, 100)


@dataclass
class Ranks:
    """First hits of one task in one state (`nms` None: raw list). VR has one column and no first_tiou."""

    task: str
    nms: float | None
    first_hit: NDArray[np.int16]  # [N, T] with T = len(THRESHOLDS), or [N, 1] for VR
    first_tiou: NDArray[np.float32]  # [N] tIoU of the first row with the truth, 0 in a wrong video

    def at(self, threshold: float | None) -> NDArray[np.int16]:
        """[N] ranks at a tIoU of THRESHOLDS (None for VR)."""
        return self.first_hit[:, 0 if threshold is None else THRESHOLDS.index(threshold)]


class RankTables:
    """Fills one `Ranks` per task and state while checked lists stream by."""

    def __init__(
        self, truth: MomentQueries, nms_thresholds: Sequence[float] = (0.5,), nms_rows_in: int = NMS_ROWS_IN
    ) -> None:
        self.truth = truth
        self.nms_thresholds = tuple(nms_thresholds)
        self.nms_rows_in = nms_rows_in
        self.tables: dict[tuple[str, float | None], Ranks] = {}
        self._start32 = truth.start.astype(np.float32)
        self._end32 = truth.end.astype(np.float32)
        self._thresholds32 = np.array(THRESHOLDS, np.float32)
        self._room = np.empty((3, max(nms_rows_in, ROWS_KEPT)), np.int64)

    def add(self, lists: Lists, queries: NDArray[np.int64]) -> None:
        """Rank checked lists (videos as places); `queries` [N] places in the truth, negative ones are passed over."""
        if lists.task == "VR":
            table = self._table("VR", None, 1)
            rank_videos(lists.offsets, queries, lists.video, self.truth.video, table.first_hit)
            return
        states: list[float | None] = [None]
        if lists.has_score:
            states += self.nms_thresholds
        for nms in states:
            table = self._table(lists.task, nms, len(THRESHOLDS))
            rank_moments(
                lists.task == "SVMR",
                nms is not None,
                nms or 0.0,
                self.nms_rows_in,
                lists.offsets,
                queries,
                lists.video,
                lists.start,
                lists.end,
                lists.score,
                self.truth.video,
                self._start32,
                self._end32,
                self._thresholds32,
                self._room,
                table.first_hit,
                table.first_tiou,
            )

    def _table(self, task: str, nms: float | None, columns: int) -> Ranks:
        if (task, nms) not in self.tables:
            n = len(self.truth)
            self.tables[task, nms] = Ranks(task, nms, np.zeros((n, columns), np.int16), np.zeros(n, np.float32))
        return self.tables[task, nms]


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1], int16[:,::1])")
def rank_videos(
    offsets: NDArray[np.int64],
    queries: NDArray[np.int64],
    video: NDArray[np.int64],
    truth_video: NDArray[np.int64],
    first_hit: NDArray[np.int16],
) -> None:
    for i in range(len(queries)):
        query = queries[i]
        if query < 0:
            continue
        for at in range(offsets[i], min(offsets[i + 1], offsets[i] + ROWS_KEPT)):
            if video[at] == truth_video[query]:
                first_hit[query, 0] = at - offsets[i] + 1
                break


@kernel(
    "void(boolean, boolean, float64, int64, int64[::1], int64[::1], int64[::1], float64[::1], float64[::1], "
    "float64[::1], int64[::1], float32[::1], float32[::1], float32[::1], int64[:,::1], int16[:,::1], float32[::1])"
)
def rank_moments(
    is_svmr: bool,
    use_nms: bool,
    nms_threshold: float,
    nms_rows_in: int,
    offsets: NDArray[np.int64],
    queries: NDArray[np.int64],
    video: NDArray[np.int64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    score: NDArray[np.float64],
    truth_video: NDArray[np.int64],
    truth_start: NDArray[np.float32],
    truth_end: NDArray[np.float32],
    thresholds: NDArray[np.float32],
    room: NDArray[np.int64],
    first_hit: NDArray[np.int16],
    first_tiou: NDArray[np.float32],
) -> None:
    """Ranks of the first hit at each (ascending) threshold, raw or after NMS.

    Raw SVMR drops rows of wrong videos after the cut to 100, so they cost no rank. SVMR's NMS runs over all rows and
    gives every survivor the first row's video; VCMR's runs inside each video (HERO, utils/tvr_eval_utils.py).
    """
    kept, order, group = room[0], room[1], room[2]
    for i in range(len(queries)):
        query = queries[i]
        if query < 0:
            continue
        low, high = offsets[i], offsets[i + 1]
        if use_nms:
            n = min(high - low, nms_rows_in)
            if is_svmr:
                group[:n] = 0
            else:
                group_by_appearance(video, low, n, order, group)
            count = suppress(group, low, n, start, end, score, nms_threshold, ROWS_KEPT, order, kept)
        else:
            count = min(high - low, ROWS_KEPT)
        rank, passed = 0, 0
        for k in range(count):
            at = low + (kept[k] if use_nms else k)
            right = video[low if is_svmr and use_nms else at] == truth_video[query]
            if is_svmr and not right:
                continue
            rank += 1
            if not right:
                continue
            overlap = tiou32(np.float32(start[at]), np.float32(end[at]), truth_start[query], truth_end[query])
            if rank == 1:
                first_tiou[query] = overlap
            while passed < len(thresholds) and overlap >= thresholds[passed]:
                first_hit[query, passed] = rank
                passed += 1
            if passed == len(thresholds):
                break
