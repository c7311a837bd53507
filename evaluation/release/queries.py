"""The queries and questions of one split as columns, read from a release or from the field's own truth files."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.release.files import read_lines
from evaluation.release.schema import ManifestFile, MomentRow, QuestionRow, ReleaseError, Task
from evaluation.release.video_index import VideoIndex

Row = TypeVar("Row", MomentRow, QuestionRow)
NOISE_S = 1e-6  # by which a sum of floats may miss its video's end


@dataclass(frozen=True)
class Windows:
    """All true moments: those of query n are `start` and `end` float64 [M] (s) from offsets[n] to offsets[n + 1]."""

    offsets: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]


@dataclass(frozen=True)
class MomentQueries:
    """The queries of one split. `video` int64 [N] are places in `videos`, -1 where the truth is withheld.

    `start`, `end` float64 [N] in seconds (nan where withheld, or where the video alone is asked for); `types` [N] hold
    "v", "t", "vt" or "" (not given). Where queries have several moments, `several` holds all, `start` and `end` the
    first. Where ids are texts, `names` [N] are those and `desc_ids` their places.
    """

    desc_ids: NDArray[np.int64]
    desc: list[str]
    types: NDArray[np.str_]
    video: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    videos: VideoIndex
    several: Windows | None = None
    names: tuple[str, ...] = ()

    @property
    def has_truth(self) -> bool:
        """Whether every row has its truth."""
        return bool((self.video >= 0).all())

    @property
    def has_moments(self) -> bool:
        """Whether the truth says when, not only in which video."""
        return not np.isnan(self.start).any()

    @property
    def windows(self) -> Windows:
        """All true moments, also where each query has one."""
        return self.several or Windows(np.arange(len(self) + 1), self.start, self.end)

    def clamped(self) -> tuple[Self, int]:
        """The queries with moments that reach out of their video clamped to it, and how many did by more than noise.

        What lies outside altogether stays as it is.
        """
        windows = self.windows
        owner = np.repeat(np.arange(len(self)), np.diff(windows.offsets))
        ends = np.where(self.video >= 0, self.videos.durations[self.video], np.inf)[owner]
        out = ((windows.end > ends) | (windows.start < 0)) & (windows.start < ends) & (windows.end > 0)
        if not out.any():
            return self, 0
        over = np.maximum(windows.end - ends, -windows.start) > NOISE_S
        start = np.where(out, np.maximum(windows.start, 0.0), windows.start)
        end = np.where(out, np.minimum(windows.end, ends), windows.end)
        first = windows.offsets[:-1]
        several = None if self.several is None else Windows(windows.offsets, start, end)
        return replace(self, start=start[first], end=end[first], several=several), int((out & over).sum())

    def within_reach(self) -> tuple[Self, int]:
        """The queries without moments that lie outside their video altogether, and how many do.

        What is a query's only moment stays, and nothing hits it.
        """
        windows = self.windows
        owner = np.repeat(np.arange(len(self)), np.diff(windows.offsets))
        ends = np.where(self.video >= 0, self.videos.durations[self.video], np.inf)[owner]
        outside = (windows.start >= ends) | (windows.end <= 0)
        if self.several is None or not outside.any():
            return self, int(outside.sum())
        kept = ~outside | ~np.isin(owner, owner[~outside])
        start, end = windows.start[kept], windows.end[kept]
        lengths = np.bincount(owner[kept], minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        first = offsets[:-1]
        several = Windows(offsets, start, end)
        return replace(self, start=start[first], end=end[first], several=several), int(outside.sum())

    def __len__(self) -> int:
        return len(self.desc_ids)


@dataclass(frozen=True)
class Questions:
    """The questions of one split. `answer` int64 [N] is 0..options-1, -1 where withheld; `span` is in seconds.

    `q`, `options` and `video` are empty where the truth came from a bare {"qid": answer} file.
    """

    qids: NDArray[np.int64]
    q: list[str]
    options: list[tuple[str, ...]]
    video: list[str]
    span: NDArray[np.float64]  # [N, 2], nan where the release gives none
    answer: NDArray[np.int64]
    names: tuple[str, ...] = ()  # ids that are texts; `qids` are then their places

    @property
    def has_truth(self) -> bool:
        """Whether every row has its truth."""
        return bool((self.answer >= 0).all())

    def __len__(self) -> int:
        return len(self.qids)


def read_moments(
    path: Path, videos: VideoIndex, entry: ManifestFile | None = None, kind: type[MomentRow] = MomentRow
) -> MomentQueries:
    """Queries of a TVR-style jsonl; rows without vid_name and ts have their truth withheld."""
    rows: list[MomentRow] = []
    for where, row in _moment_rows(path, entry, kind):
        if row.vid_name is not None and row.vid_name not in videos.position:
            raise ReleaseError(f"{where}: vid_name {row.vid_name!r} is not in the video index of this split")
        rows.append(row)
    if not rows:
        raise ReleaseError(f"{path}: no queries")
    spans = np.array([row.ts or (math.nan, math.nan) for row in rows], np.float64)
    return MomentQueries(
        desc_ids=np.array([row.desc_id for row in rows], np.int64),
        desc=[row.desc for row in rows],
        types=np.array([row.type or "" for row in rows], "U2"),
        video=np.array([-1 if row.vid_name is None else videos.position[row.vid_name] for row in rows], np.int64),
        start=spans[:, 0],
        end=spans[:, 1],
        videos=videos,
    )


def read_questions(
    path: Path,
    videos: VideoIndex | None = None,
    entry: ManifestFile | None = None,
    kind: type[QuestionRow] = QuestionRow,
) -> Questions:
    """Questions of a VALUE-style jsonl with four options, or five; rows without answer_idx have their truth withheld.

    A release knows the `videos` that they may be asked about.
    """
    rows: list[QuestionRow] = []
    for where, row in _question_rows(path, entry, kind):
        if videos is not None and row.vid_name not in videos.position:
            raise ReleaseError(f"{where}: vid_name {row.vid_name!r} is not in the video index of this split")
        rows.append(row)
    if not rows:
        raise ReleaseError(f"{path}: no questions")
    return Questions(
        qids=np.array([row.qid for row in rows], np.int64),
        q=[row.q for row in rows],
        options=[row.options for row in rows],
        video=[row.vid_name for row in rows],
        span=np.array([_parse_span(path, row) for row in rows], np.float64),
        answer=np.array([-1 if row.answer_idx is None else row.answer_idx for row in rows], np.int64),
    )


def read_reserve(path: Path, task: Task, entry: ManifestFile) -> list[MomentRow] | list[QuestionRow]:
    """Rows that are published nowhere, all with their truth, on clips that need not be published either."""
    if task == "moment":
        moments = list(_moment_rows(path, entry, MomentRow))
        _refuse_withheld(where for where, row in moments if row.ts is None)
        return [row for _, row in moments]
    questions = list(_question_rows(path, entry, QuestionRow))
    _refuse_withheld(where for where, row in questions if row.answer_idx is None)
    return [row for _, row in questions]


def _moment_rows(path: Path, entry: ManifestFile | None, kind: type[MomentRow]) -> Iterator[tuple[str, MomentRow]]:
    """Each row that is sound in itself, with its place for messages."""
    for where, row in _rows(path, entry, kind, "desc_id"):
        if (row.vid_name is None) != (row.ts is None):
            raise ReleaseError(f"{where} has only one of vid_name and ts, expected both or neither")
        if row.ts is not None and not 0 <= row.ts[0] < row.ts[1] < math.inf:
            raise ReleaseError(f"{where}: ts is {list(row.ts)}, expected 0 <= start < end in seconds")
        yield where, row


def _question_rows(
    path: Path, entry: ManifestFile | None, kind: type[QuestionRow]
) -> Iterator[tuple[str, QuestionRow]]:
    """Each row that is sound in itself, with its place for messages."""
    wanted = 0
    for where, row in _rows(path, entry, kind, "qid"):
        count = len(row.options)
        wanted = wanted or count
        if count != wanted:
            raise ReleaseError(f"{where} has {count} options, expected {wanted} as in the rows before")
        if row.answer_idx is not None and not 0 <= row.answer_idx < count:
            raise ReleaseError(f"{where}: answer_idx is {row.answer_idx}, expected 0..{count - 1}")
        yield where, row


def _rows(path: Path, entry: ManifestFile | None, kind: type[Row], key: str) -> Iterator[tuple[str, Row]]:
    """The rows of a file, no id (the field `key`) twice, none telling what its kind withholds."""
    seen: set[int] = set()
    for number, row in read_lines(path, kind, entry):
        identity = getattr(row, key)
        where = f"{path}:{number}: {key} {identity}"
        if kind.withheld:
            _refuse_told(row, where)
        if identity in seen:
            raise ReleaseError(f"{where} a second time")
        seen.add(identity)
        yield where, row


def _refuse_withheld(places: Iterator[str]) -> None:
    for where in places:
        raise ReleaseError(f"{where} has no truth, which every row of the reserve has")


def _refuse_told(row: MomentRow | QuestionRow, where: str) -> None:
    told = [name for name in row.withheld if getattr(row, name) is not None]
    if told:
        raise ReleaseError(f"{where} tells {' and '.join(told)}, which no public row of test may")


def _parse_span(path: Path, row: QuestionRow) -> tuple[float, float]:
    if row.ts is None:
        return math.nan, math.nan
    try:
        start, end = (float(part) for part in row.ts.split("-"))
    except ValueError:
        raise ReleaseError(f'{path}: qid {row.qid}: ts is {row.ts!r}, expected "start-end"') from None
    return start, end
