"""Ranks of the first hit, and every retrieval metric that follows from them.

A row hits at threshold t when it names the query's video and its tIoU with the truth is at least t, all in float32
(TVRetrieval, standalone_eval/eval.py). Lists count down to their 100th row. Ranks count from 1; 0 means no hit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.kernels.aot import helper, kernel
from evaluation.metrics.iou import tiou32
from evaluation.metrics.nms import sort_rows, survives
from evaluation.metrics.protocol import HEADLINE_THRESHOLDS, NMS_ROWS_IN, ROWS_KEPT, THRESHOLDS, ScoringOptions
from evaluation.metrics.ranked_lists import KERNEL_ARRAY, RETRIEVAL_TASKS, RankedLists
from evaluation.release import MomentQueries


@dataclass
class Ranks:
    """First hits of one task in one state (`nms` None: raw list). VR has one column and no first_tiou."""

    task: str
    nms: float | None
    thresholds: tuple[float, ...]
    first_hit: NDArray[np.int16]  # [N, T] with T = len(thresholds), or [N, 1] for VR
    first_tiou: NDArray[np.float32]  # [N] tIoU of the first row with the truth, 0 in a wrong video

    def at(self, threshold: float | None) -> NDArray[np.int16]:
        """[N] ranks at one of the thresholds (None for VR)."""
        return self.first_hit[:, 0 if threshold is None else self.thresholds.index(threshold)]


class RankTables:
    """Fills one `Ranks` per task and state while checked lists stream by."""

    def __init__(
        self,
        truth: MomentQueries,
        nms_thresholds: Sequence[float] = (0.5,),
        nms_rows_in: int = NMS_ROWS_IN,
        thresholds: tuple[float, ...] = THRESHOLDS,
    ) -> None:
        """`thresholds` are the (ascending) tIoUs to rank at: fewer are faster."""
        self.truth = truth
        self.nms_thresholds = tuple(nms_thresholds)
        self.nms_rows_in = nms_rows_in
        self.tables: dict[tuple[str, float | None], Ranks] = {}
        self._start32 = truth.start.astype(np.float32)
        self._end32 = truth.end.astype(np.float32)
        self._thresholds32 = np.array(thresholds, np.float32)
        self.thresholds = thresholds
        self._room = np.empty((4, max(nms_rows_in, ROWS_KEPT)), np.int64)
        self._groups = np.empty((2, len(truth.videos)), np.int64)

    def add(self, lists: RankedLists, queries: NDArray[np.int64]) -> None:
        """Rank checked lists (videos as places); `queries` [N] places in the truth, negative ones are passed over."""
        queries = np.require(queries, np.int64, KERNEL_ARRAY)
        if lists.task == "VR":
            table = self._table("VR", None, 1)
            rank_videos(lists.offsets, queries, lists.video, self.truth.video, table.first_hit)
            return
        states: list[float | None] = [None]
        if lists.has_score:
            states += self.nms_thresholds
        for nms in states:
            table = self._table(lists.task, nms, len(self.thresholds))
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
                self._groups,
                table.first_hit,
                table.first_tiou,
            )

    def ordered(self) -> list[Ranks]:
        """Tables by task in the field's order, raw before NMS."""
        return [ranks for task in RETRIEVAL_TASKS for (name, _), ranks in self.tables.items() if name == task]

    def _table(self, task: str, nms: float | None, columns: int) -> Ranks:
        if (task, nms) not in self.tables:
            n = len(self.truth)
            self.tables[task, nms] = Ranks(
                task, nms, self.thresholds, np.zeros((n, columns), np.int16), np.zeros(n, np.float32)
            )
        return self.tables[task, nms]


def rank_lists(parts: Iterable[RankedLists], truth: MomentQueries, options: ScoringOptions) -> list[Ranks]:
    """Ranks of lists that hold places of videos and a list for every query in order (the project's own baselines)."""
    tables = RankTables(truth, options.nms, options.nms_rows_in, HEADLINE_THRESHOLDS)
    done = dict.fromkeys(RETRIEVAL_TASKS, 0)
    for lists in parts:
        first = done[lists.task]
        done[lists.task] += len(lists)
        tables.add(lists, np.arange(first, done[lists.task]))
    return tables.ordered()


@kernel("void(int64[::1], int64[::1], int64[::1], int64[::1], int16[:,::1])")
def rank_videos(
    offsets: NDArray[np.int64],
    queries: NDArray[np.int64],
    video: NDArray[np.int64],
    truth_video: NDArray[np.int64],
    first_hit: NDArray[np.int16],
) -> None:
    """Rank of the right video among the first 100 rows of each list, into first_hit [N, 1] (VR)."""
    for i in range(len(queries)):
        query = queries[i]
        if query < 0:
            continue
        for at in range(offsets[i], min(offsets[i + 1], offsets[i] + ROWS_KEPT)):
            if video[at] == truth_video[query]:
                first_hit[query, 0] = at - offsets[i] + 1
                break


@helper
def number_groups(
    video: NDArray[np.int64],
    as_one: bool,
    low: int,
    n: int,
    groups: NDArray[np.int64],
    group: NDArray[np.int64],
    newest: NDArray[np.int64],
) -> None:
    """Number the videos of rows low .. low+n-1 by first appearance (0 for all with `as_one`) and empty their chains.

    `groups` [2, V] holds, per place of a video, the last row that named it (-1: none yet) and its number there.
    """
    count = 0
    for i in range(n):
        place = 0 if as_one else video[low + i]
        if groups[0, place] < low:
            groups[1, place] = count
            newest[count] = -1
            count += 1
        groups[0, place] = low + i
        group[i] = groups[1, place]


@kernel(
    "void(boolean, boolean, float64, int64, int64[::1], int64[::1], int64[::1], float64[::1], float64[::1], "
    "float64[::1], int64[::1], float32[::1], float32[::1], float32[::1], int64[:,::1], int64[:,::1], int16[:,::1], "
    "float32[::1])"
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
    groups: NDArray[np.int64],
    first_hit: NDArray[np.int16],
    first_tiou: NDArray[np.float32],
) -> None:
    """Ranks of the first hit at each (ascending) threshold, raw or after NMS.

    Raw SVMR drops rows of wrong videos after the cut to 100, so they cost no rank. SVMR's NMS runs over all rows and
    gives every survivor the first row's video; VCMR's runs inside each video (HERO, utils/tvr_eval_utils.py).
    Suppression stops when every threshold has its hit or none can come. `room` is [4, rows], `groups` [2, V].
    """
    order, group, newest, previous = room[0], room[1], room[2], room[3]
    for place in range(groups.shape[1]):
        groups[0, place] = -1
    for i in range(len(queries)):
        query = queries[i]
        if query < 0:
            continue
        low = offsets[i]
        n = min(offsets[i + 1] - low, nms_rows_in if use_nms else ROWS_KEPT)
        if use_nms:
            number_groups(video, is_svmr, low, n, groups, group, newest)
            sort_rows(score, group, low, n, order)
        last = n - 1  # VCMR: what follows the last row of the right video changes nothing
        while not is_svmr and last > 0 and video[low + (order[last] if use_nms else last)] != truth_video[query]:
            last -= 1
        kept, rank, passed = 0, 0, 0
        for k in range(last + 1):
            row = order[k] if use_nms else k
            at = low + row
            if use_nms:
                chain = newest[group[row]]
                if not survives(row, low, start, end, nms_threshold, chain, previous):
                    continue
                previous[row], newest[group[row]] = chain, row
            kept += 1
            right = video[low if is_svmr and use_nms else at] == truth_video[query]
            if right or not is_svmr:
                rank += 1
            if right:
                overlap = tiou32(np.float32(start[at]), np.float32(end[at]), truth_start[query], truth_end[query])
                if rank == 1:
                    first_tiou[query] = overlap
                while passed < len(thresholds) and overlap >= thresholds[passed]:
                    first_hit[query, passed] = rank
                    passed += 1
            if passed == len(thresholds) or kept == ROWS_KEPT:
                break
