"""Ranks of the first hit, and every retrieval metric that follows from them.

A row hits at threshold t when it names the query's video and its tIoU with the truth is at least t, all in float32
(TVRetrieval, standalone_eval/eval.py). Lists count down to their 100th row. Ranks count from 1; 0 means no hit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.kernels.aot import helper, kernel
from evaluation.kernels.types import Float32s, Int16Table, Int64s
from evaluation.metrics.highlights import HighlightTable
from evaluation.metrics.iou import tiou32
from evaluation.metrics.nms import sort_rows, survives
from evaluation.metrics.protocol import HEADLINE_THRESHOLDS, NMS_ROWS_IN, ROWS_KEPT, THRESHOLDS, ScoringOptions
from evaluation.metrics.ranked_lists import KERNEL_ARRAY, RETRIEVAL_TASKS, ListColumns, RankedLists
from evaluation.release import MomentQueries


@dataclass
class Ranks:
    """First hits of one task in one state (`nms` None: raw list). VR has one column and no first_tiou."""

    task: str
    nms: float | None
    thresholds: tuple[float, ...]
    first_hit: NDArray[np.int16]  # [N, T] with T = len(thresholds), or [N, 1] for VR
    first_tiou: NDArray[np.float32]  # [N] tIoU of the first row with the truth, 0 in a wrong video
    highlights: HighlightTable | None = None  # of raw SVMR lists, where queries have several moments

    def at(self, threshold: float | None) -> NDArray[np.int16]:
        """[N] ranks at one of the thresholds (None for VR)."""
        return self.first_hit[:, 0 if threshold is None else self.thresholds.index(threshold)]


class RankingMode(NamedTuple):
    """What one pass ranks: the task, the state, and the tIoUs [T] (ascending) that count as hits."""

    is_svmr: bool
    use_nms: bool
    nms_threshold: float
    rows_in: int
    thresholds: Float32s


class TruthColumns(NamedTuple):
    """Place of each query's video [N], and its moments: [M] seconds, those of query n from offsets[n] on."""

    video: Int64s
    offsets: Int64s
    start: Float32s
    end: Float32s


class RankingScratch(NamedTuple):
    """Room to work in. [rows]: the order by score, each row's group, and the chains of kept rows as in NMS.

    [V]: per place of a video the last row that named it (-1: none yet), and its number in that list.
    """

    order: Int64s
    group: Int64s
    newest: Int64s
    previous: Int64s
    last_row: Int64s
    number: Int64s


class FirstHits(NamedTuple):
    """Where ranks [N, T] and the first row's tIoU [N] are written."""

    rank: Int16Table
    tiou: Float32s


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
        self.thresholds = thresholds
        self._thresholds32 = np.array(thresholds, np.float32)
        spans = truth.windows
        self._truth = TruthColumns(
            truth.video, spans.offsets, spans.start.astype(np.float32), spans.end.astype(np.float32)
        )
        by_row = np.empty((4, max(nms_rows_in, ROWS_KEPT)), np.int64)
        self._scratch = RankingScratch(*by_row, *np.empty((2, len(truth.videos)), np.int64))

    def add(self, lists: RankedLists, queries: NDArray[np.int64]) -> None:
        """Rank checked lists (videos as places); `queries` [N] places in the truth, negative ones are passed over."""
        queries = np.require(queries, np.int64, KERNEL_ARRAY)
        if lists.task == "VR":
            table = self._table("VR", None, 1)
            rank_videos(lists.columns, queries, self.truth.video, table.first_hit)
            return
        states: list[float | None] = [None]
        if lists.has_score:
            states += self.nms_thresholds
        for nms in states:
            table = self._table(lists.task, nms, len(self.thresholds))
            mode = RankingMode(lists.task == "SVMR", nms is not None, nms or 0.0, self.nms_rows_in, self._thresholds32)
            hits = FirstHits(table.first_hit, table.first_tiou)
            rank_moments(mode, lists.columns, queries, self._truth, self._scratch, hits)
            if nms is None and lists.task == "SVMR" and self.truth.several:
                table.highlights = table.highlights or HighlightTable(self.truth.several)
                self._rate_windows(table.highlights, lists, queries)

    def _rate_windows(self, table: HighlightTable, lists: RankedLists, queries: NDArray[np.int64]) -> None:
        """Rate each list by the rows that name its query's video."""
        spans = np.stack([lists.start, lists.end], axis=1)
        for query, low, high in zip(queries.tolist(), lists.offsets[:-1], lists.offsets[1:], strict=True):
            rows = np.flatnonzero(lists.video[low:high] == self.truth.video[query]) + low
            if query >= 0:
                table.add(query, spans[rows], lists.score[rows])

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


@kernel
def rank_videos(lists: ListColumns, queries: Int64s, truth_video: Int64s, first_hit: Int16Table) -> None:
    """Rank of the right video among the first 100 rows of each list, into first_hit [N, 1] (VR)."""
    for i in range(len(queries)):
        query = queries[i]
        if query < 0:
            continue
        first = lists.offsets[i]
        for at in range(first, min(lists.offsets[i + 1], first + ROWS_KEPT)):
            if lists.video[at] == truth_video[query]:
                first_hit[query, 0] = at - first + 1
                break


@helper
def number_groups(video: Int64s, as_one: bool, low: int, n: int, scratch: RankingScratch) -> None:
    """Number the videos of rows low .. low+n-1 by first appearance (0 for all with `as_one`) and empty their chains."""
    count = 0
    for i in range(n):
        place = 0 if as_one else video[low + i]
        if scratch.last_row[place] < low:
            scratch.number[place] = count
            scratch.newest[count] = -1
            count += 1
        scratch.last_row[place] = low + i
        scratch.group[i] = scratch.number[place]


@helper
def last_row_that_counts(mode: RankingMode, video: Int64s, low: int, n: int, truth_video: int, order: Int64s) -> int:
    """The last of n rows, in their order, that can change a rank: in VCMR none after the last of the right video."""
    last = n - 1
    while not mode.is_svmr and last > 0 and video[low + (order[last] if mode.use_nms else last)] != truth_video:
        last -= 1
    return last


@helper
def best_tiou(start: np.float32, end: np.float32, truth: TruthColumns, query: int) -> np.float32:
    """The largest IoU of a span with any of the query's moments."""
    first = truth.offsets[query]
    best = tiou32(start, end, truth.start[first], truth.end[first])
    for other in range(first + 1, truth.offsets[query + 1]):
        best = max(best, tiou32(start, end, truth.start[other], truth.end[other]))
    return best


@kernel
def rank_moments(
    mode: RankingMode,
    lists: ListColumns,
    queries: Int64s,
    truth: TruthColumns,
    scratch: RankingScratch,
    hits: FirstHits,
) -> None:
    """Ranks of the first hit at each (ascending) threshold, raw or after NMS.

    Raw SVMR drops rows of wrong videos after the cut to 100, so they cost no rank. SVMR's NMS runs over all rows and
    gives every survivor the first row's video; VCMR's runs inside each video (HERO, utils/tvr_eval_utils.py).
    Suppression stops when every threshold has its hit or none can come.
    """
    scratch.last_row[:] = -1
    for i in range(len(queries)):
        query = queries[i]
        if query < 0:
            continue
        low = lists.offsets[i]
        n = min(lists.offsets[i + 1] - low, mode.rows_in if mode.use_nms else ROWS_KEPT)
        if mode.use_nms:
            number_groups(lists.video, mode.is_svmr, low, n, scratch)
            sort_rows(lists.score, scratch.group, low, n, scratch.order)
        last = last_row_that_counts(mode, lists.video, low, n, truth.video[query], scratch.order)
        kept, rank, passed = 0, 0, 0
        for k in range(last + 1):
            row = scratch.order[k] if mode.use_nms else k
            at = low + row
            if mode.use_nms:
                group = scratch.group[row]
                chain = scratch.newest[group]
                if not survives(row, low, lists, mode.nms_threshold, chain, scratch.previous):
                    continue
                scratch.previous[row], scratch.newest[group] = chain, row
            kept += 1
            right = lists.video[low if mode.is_svmr and mode.use_nms else at] == truth.video[query]
            if right or not mode.is_svmr:
                rank += 1
            if right:
                start, end = np.float32(lists.start[at]), np.float32(lists.end[at])
                overlap = best_tiou(start, end, truth, query)
                if rank == 1:
                    hits.tiou[query] = overlap
                while passed < len(mode.thresholds) and overlap >= mode.thresholds[passed]:
                    hits.rank[query, passed] = rank
                    passed += 1
            if passed == len(mode.thresholds) or kept == ROWS_KEPT:
                break
