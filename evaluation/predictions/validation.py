"""What a list of predictions may hold: refused under `strict`, counted under `official`, refused under both.

What is counted is named in NOTES below; docs/evaluation.md explains each to submitters.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.kernels.aot import helper, kernel
from evaluation.kernels.types import Float64s, Int32s, Int64s, Int64Table
from evaluation.metrics.protocol import ROWS_KEPT, Rules
from evaluation.metrics.ranked_lists import ListColumns, RankedLists
from evaluation.predictions.errors import MOST_PROBLEMS, Findings
from evaluation.predictions.json.scanner import MOST_ROWS
from evaluation.release import MomentQueries

UNKNOWN = -2


class Violation(IntEnum):
    """Findings of the kernel; the value is the place in its counters."""

    UNKNOWN_VIDEO = 0
    NEGATIVE_START = 1
    REVERSED_SPAN = 2
    PAST_END = 3
    UNSORTED = 4
    WRONG_VIDEO = 5
    REPEATED_VIDEO = 6


UNKNOWN_VIDEO, NEGATIVE_START, REVERSED_SPAN, PAST_END, UNSORTED, WRONG_VIDEO, REPEATED_VIDEO = range(7)
NOTES = {
    "past_end": "spans reach past the end of their video and were clamped to it",
    "past_end_kept": "spans reach past the end of their video and were scored as they are",
    "negative_start": "spans start before 0 s (they are scored as they are)",
    "reversed_span": "spans end before they start (never a hit)",
    "unsorted": "rows score higher than the row before (raw metrics follow the list, NMS follows the score)",
    "wrong_video": "SVMR rows name another video than the query's (they cost no rank, as in the field's scorer)",
    "repeated_video": "VR rows repeat a video of their list (each uses up a rank)",
    "beyond_100": "rows beyond the 100th of a list count only as input to NMS, and there only up to the 200th",
    "missing_query": "queries have no list, or an empty one, and count as misses",
    "byte_order_mark": "byte order mark at the start of the file was passed over",
    "pandas_index": "columns number the rows (pandas' __index_level_0__) and were passed over",
    "other_kind_of_id": "ids are texts where the truth has whole numbers, or the other way round",
    "saliency": "lists come with saliency scores, which were not read",
    "truth_past_end": "true moments reached out of their video and were clamped to it",
    "truth_outside": "true moments lie outside their video: left out where their query has others, else never hit",
    "no_scores": "tasks come without scores: they have no NMS metrics",
    "answer_outside": "answers are outside the choices and count as wrong",
    "no_release": "queries were scored on a bare truth file: there is no release, and no hash says what the truth was",
    "not_sealed": "queries are of a hidden split that is not sealed (version 1, or shared): read together, the public "
    "files of both tasks tell more than either",
    "task_absent": "tasks are not in the submission and have no metrics",
}
NOTES_ON_TRUTH = {"wrong_video", "truth_past_end", "truth_outside"}  # the others can be counted without the truth


class ListRules(NamedTuple):
    """What kind of lists are looked at, and whether spans past the end of their video are clamped to it."""

    is_vr: bool
    is_svmr: bool
    has_score: bool
    clamp: bool


class TruthVideos(NamedTuple):
    """Place of each video by idx (-1: none), place of each query's video [N], seconds of each video [V]."""

    place_of: Int32s
    video: Int64s
    durations: Float64s


class ViolationTable(NamedTuple):
    """Counts [K] of each Violation; list and row [K, MOST_PROBLEMS] of the first of each kind."""

    counts: Int64s
    lists: Int64Table
    rows: Int64Table


@dataclass
class ListValidator:
    """Checks lists against the truth of one split, maps video idx to places, clamps spans (in place)."""

    truth: MomentQueries
    rules: Rules
    findings: Findings
    clamp: bool = True  # False leaves spans past the end as they are, as the field's scorer does
    missing_is_miss: bool = False

    def __post_init__(self) -> None:
        videos = self.truth.videos
        self._by_id = np.argsort(self.truth.desc_ids)
        self._sorted_ids = self.truth.desc_ids[self._by_id]
        self._place = np.full(int(videos.ids.max()) + 1, -1, np.int32)
        self._place[videos.ids] = np.arange(len(videos))
        self._seen: dict[str, NDArray[np.bool_]] = {}
        self._without_scores: set[str] = set()

    @property
    def tasks(self) -> list[str]:
        """Tasks seen so far, in file order."""
        return list(self._seen)

    def finish(self) -> None:
        """After the last list: queries without one are refused, or counted as misses."""
        if not self._seen:
            self.findings.refuse("holds none of the tasks VCMR, SVMR, VR")
        self.findings.note("no_scores", len(self._without_scores))
        for task, seen in self._seen.items():
            missing = self.truth.desc_ids[~seen].tolist()
            if self.missing_is_miss:
                self.findings.note("missing_query", len(missing))
                continue
            for desc_id in missing:
                self.findings.refuse("no list for this query", task=task, id=desc_id)

    def check(self, lists: RankedLists) -> NDArray[np.int64]:
        """Place of each list's query in the truth, [N]; -1 for lists that were refused."""
        seen = self._seen.setdefault(lists.task, np.zeros(len(self.truth), bool))
        rows = np.diff(lists.offsets)
        queries = self._find(lists.desc_ids)
        in_order = (queries >= 0).all() and not seen[queries].any() and len(np.unique(queries)) == len(queries)
        if in_order and rows.min() > 0 and rows.max() <= MOST_ROWS:
            seen[queries] = True
        else:
            self._refuse_lists(lists, queries, rows, seen)
        if not lists.has_score and lists.task != "VR":
            self._without_scores.add(lists.task)
        self.findings.note("beyond_100", int(np.maximum(rows - ROWS_KEPT, 0).sum()))
        self._check_rows(lists, queries)
        return queries

    def _find(self, desc_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """[N] places of queries by id, -1 for ids that are not of this split."""
        at = np.minimum(np.searchsorted(self._sorted_ids, desc_ids), len(self._sorted_ids) - 1)
        return np.where(self._sorted_ids[at] == desc_ids, self._by_id[at], -1)

    def _refuse_lists(
        self, lists: RankedLists, queries: NDArray[np.int64], rows: NDArray[np.int64], seen: NDArray[np.bool_]
    ) -> None:
        """Name what is wrong with whole lists and set their `queries` to -1; mark the others as seen."""
        for i, (desc_id, place, count) in enumerate(
            zip(lists.desc_ids.tolist(), queries.tolist(), rows.tolist(), strict=True)
        ):
            message = None
            if place < 0:
                message = f"desc_id {self.findings.named(desc_id)} is not a query of this split"
            elif seen[place]:
                message = "desc_id a second time in this task"
            elif count == 0 and self.missing_is_miss:
                self.findings.note("missing_query", 1)
                queries[i] = -1
            elif count == 0:
                message = "empty list: expected at least one row (only at home, with --missing=miss, is it a miss)"
            elif count > MOST_ROWS:
                message = f"{count} rows: expected at most {MOST_ROWS}"
            if message:
                self.findings.refuse(message, task=lists.task, id=desc_id)
                queries[i] = -1
            if place >= 0:
                seen[place] = True

    def _check_rows(self, lists: RankedLists, queries: NDArray[np.int64]) -> None:
        strict = self.rules == "strict"
        rules = ListRules(lists.task == "VR", lists.task == "SVMR", lists.has_score, self.clamp)
        truth = TruthVideos(self._place, self.truth.video, self.truth.videos.durations)
        places = np.empty((2, len(Violation), MOST_PROBLEMS), np.int64)
        found = ViolationTable(np.zeros(len(Violation), np.int64), *places)
        validate_and_clamp(rules, lists.columns, queries, truth, np.full(len(self.truth.videos), -1), found)
        for violation in Violation:
            count = int(found.counts[violation])
            always = violation is Violation.UNKNOWN_VIDEO
            if not always and (not strict or violation is Violation.PAST_END):
                ending = "_kept" if violation is Violation.PAST_END and not self.clamp else ""
                self.findings.note(violation.name.lower() + ending, count)
                continue
            kept = min(count, MOST_PROBLEMS)
            for i, row in zip(
                found.lists[violation, :kept].tolist(), found.rows[violation, :kept].tolist(), strict=True
            ):
                at = int(lists.offsets[i]) + row
                column, message = self._describe(violation, lists, at)
                self.findings.refuse(
                    message, task=lists.task, id=int(lists.desc_ids[i]), row=row, column=column, times=0
                )
            self.findings.total += count

    def _describe(self, violation: Violation, lists: RankedLists, at: int) -> tuple[int, str]:
        """(column, message) of one refused row."""
        place = int(lists.video[at])
        video = int(self.truth.videos.ids[place]) if place >= 0 else UNKNOWN - place
        start, end = float(lists.start[at]), float(lists.end[at])
        match violation:
            case Violation.UNKNOWN_VIDEO:
                return 0, f"video idx {video} is not a video of this split"
            case Violation.NEGATIVE_START:
                return 1, f"start is {start} s: expected 0 or more"
            case Violation.REVERSED_SPAN:
                return 2, f"end {end} s is before start {start} s"
            case Violation.UNSORTED:
                return 3, (
                    f"score {float(lists.score[at])} is above the {float(lists.score[at - 1])} of the row before: "
                    "expected rows by falling score"
                )
            case Violation.WRONG_VIDEO:
                return 0, f"video idx {video} is not the video of this query"
            case _:
                return 0, f"video idx {video} a second time in this list"


@helper
def record(found: ViolationTable, code: int, i: int, row: int) -> None:
    """Count a violation and keep the first places of its kind."""
    if found.counts[code] < found.lists.shape[1]:
        found.lists[code, found.counts[code]] = i
        found.rows[code, found.counts[code]] = row
    found.counts[code] += 1


@kernel
def validate_and_clamp(
    rules: ListRules,
    lists: ListColumns,
    queries: Int64s,
    truth: TruthVideos,
    named_in: Int64s,
    found: ViolationTable,
) -> None:
    """Count each Violation, keep the first (list, row) places, turn video idx into places, clamp spans.

    An idx that is no video of the split becomes UNKNOWN - idx, so that a message can still name it. `named_in` [V]
    is room to work in, -1 throughout: the last list that named a video.
    """
    for i in range(len(queries)):
        if queries[i] < 0:
            continue
        own = truth.video[queries[i]]
        first = lists.offsets[i]
        for at in range(first, lists.offsets[i + 1]):
            row, idx = at - first, lists.video[at]
            place = np.int64(truth.place_of[idx]) if 0 <= idx < len(truth.place_of) else -1
            lists.video[at] = place if place >= 0 else UNKNOWN - idx
            if place < 0:
                record(found, UNKNOWN_VIDEO, i, row)
            elif rules.is_vr:
                if named_in[place] == i:
                    record(found, REPEATED_VIDEO, i, row)
                named_in[place] = i
            else:
                if rules.is_svmr and own >= 0 and place != own:
                    record(found, WRONG_VIDEO, i, row)
                if lists.start[at] < 0.0:
                    record(found, NEGATIVE_START, i, row)
                if lists.start[at] > lists.end[at]:
                    record(found, REVERSED_SPAN, i, row)
                if lists.end[at] > truth.durations[place]:
                    record(found, PAST_END, i, row)
                    if rules.clamp:
                        lists.end[at] = truth.durations[place]
                        lists.start[at] = min(lists.start[at], truth.durations[place])
            if rules.has_score and at > first and lists.score[at] > lists.score[at - 1]:
                record(found, UNSORTED, i, row)
