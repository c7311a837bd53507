"""Reads a release directory (docs/release_format.md) or the field's own ground-truth files.

Times are seconds relative to the clip. Nothing here trusts the folder: every file is compared with its hash, every
row is typed, every error names file and line.
"""

import math
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path, PurePosixPath
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from evaluation.release.manifest import HELD_OUT, ReleaseFolder
from evaluation.release.schema import (
    ManifestFile,
    MomentRow,
    PublicMomentRow,
    PublicQuestionRow,
    QuestionRow,
    ReleaseError,
    SubtitleLine,
    SubtitleRow,
    read_json,
    read_lines,
)
from evaluation.release.video_index import VideoIndex, check_agreement, read_video_index, union

Task = Literal["moment", "qa"]
FOLDERS: dict[Task, str] = {"moment": "moment/tvr", "qa": "qa/value"}
SUBTITLES = "subtitles.jsonl"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class MomentQueries:
    """The queries of one split. `video` int64 [N] are places in `videos`, -1 where the truth is withheld.

    `start`, `end` float64 [N] in seconds (nan where withheld); `types` [N] hold "v", "t", "vt" or "" (not given).
    """

    desc_ids: NDArray[np.int64]
    desc: list[str]
    types: NDArray[np.str_]
    video: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    videos: VideoIndex

    @property
    def has_truth(self) -> bool:
        """Whether every row has its truth."""
        return bool((self.video >= 0).all())

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

    @property
    def has_truth(self) -> bool:
        """Whether every row has its truth."""
        return bool((self.answer >= 0).all())

    def __len__(self) -> int:
        return len(self.qids)


def split_key(split: str) -> str:
    """The split's name inside files: the field writes "test_public" for test."""
    if split not in SPLITS:
        raise ReleaseError(f"split {split!r} is unknown: expected one of {', '.join(SPLITS)}")
    return "test_public" if split == "test" else split


class Release(ReleaseFolder):
    """An opened release directory, read by task and split; files are read when asked for."""

    @property
    def name(self) -> str:
        """Slug of the release."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """Version of the release, as in the manifest."""
        return self.manifest.version

    @property
    def tasks(self) -> list[Task]:
        """The tasks this release has data for: "moment", "qa" or both."""
        paths = [entry.path for entry in self.manifest.files]
        return [
            task
            for task, folder in FOLDERS.items()
            if any(path.startswith(f"{folder}/") and path.endswith(".jsonl") for path in paths)
        ]

    def videos(self, split: str, task: Task | None = None) -> VideoIndex:
        """The clips of `split` that serve `task`, without a task those of all. Raises ReleaseError where it has none.

        In version 1 every clip serves both tasks.
        """
        key, tasks = split_key(split), self.tasks if task is None else [task]
        found = [self._indexes[task][key] for task in tasks if key in self._indexes.get(task, {})]
        if not found:
            raise ReleaseError(f"{self.root}: no video index of {key!r} for {' or '.join(tasks)}")
        return reduce(union, found)

    @cached_property
    def _indexes(self) -> dict[Task, dict[str, VideoIndex]]:
        if self.format_version == 1:
            return dict.fromkeys(FOLDERS, self._read_index("moment"))
        indexes = {task: self._read_index(task) for task in self.tasks}
        check_agreement({self.root / _index_name(task): index for task, index in indexes.items()})
        if self.hidden == "sealed" and len(indexes) == len(FOLDERS):
            moment, qa = (index.get(split_key("test")) for index in indexes.values())
            both = set(moment.names if moment else ()) & set(qa.names if qa else ())
            if both:
                raise ReleaseError(f"{self.root}: sealed, but clip {min(both)!r} of test serves both tasks")
        return indexes

    def moments(self, split: str, *, truth: bool = True) -> MomentQueries:
        """Queries of `split` in the file's order.

        With truth=True the held-out rows are used where the copy has them (`MomentQueries.has_truth` says so);
        with truth=False only what every participant may see.
        """
        entry = self._rows("moment", split, truth)
        kind = PublicMomentRow if self._is_withheld(entry) else MomentRow
        return read_moments(self.root / entry.path, self.videos(split, "moment"), entry, kind)

    def questions(self, split: str, *, truth: bool = True) -> Questions:
        """Questions of `split` in the file's order; truth as in `moments`."""
        entry = self._rows("qa", split, truth)
        kind = PublicQuestionRow if self._is_withheld(entry) else QuestionRow
        return read_questions(self.root / entry.path, self.videos(split, "qa"), entry, kind)

    @overload
    def reserve(self, task: Literal["moment"]) -> MomentQueries | None: ...
    @overload
    def reserve(self, task: Literal["qa"]) -> Questions | None: ...
    def reserve(self, task: Task) -> MomentQueries | Questions | None:
        """Held-out rows of `task` on hidden clips that serve the other one, with truth; None where there are none.

        Their videos are all clips of test. Raises ReleaseError in a public copy.
        """
        if not self.has_held_out:
            raise ReleaseError(f"{self.root}: the reserve is not in this copy of the release, it needs {HELD_OUT}/")
        entry = self.held_out.get(f"{HELD_OUT}/{FOLDERS[task]}/reserve.jsonl")
        if entry is None:
            return None
        path, videos = self.root / entry.path, self.videos("test")
        return read_moments(path, videos, entry) if task == "moment" else read_questions(path, videos, entry)

    def subtitles(self) -> dict[str, list[SubtitleLine]]:
        """vid_name -> subtitle lines (seconds relative to the clip)."""
        path = self.root / SUBTITLES
        rows: dict[str, list[SubtitleLine]] = {}
        for number, row in read_lines(path, SubtitleRow, self.entry(SUBTITLES)):
            if row.vid_name in rows:
                raise ReleaseError(f"{path}:{number}: vid_name {row.vid_name!r} a second time")
            rows[row.vid_name] = row.sub
        return rows

    def feature_files(self) -> dict[str, ManifestFile]:
        """Name of a feature set -> its .safetensors file; `verified` compares it and gives its path."""
        return {
            PurePosixPath(entry.path).stem: entry
            for entry in self.files()
            if entry.path.startswith("features/") and entry.path.endswith(".safetensors")
        }

    def _read_index(self, task: Task) -> dict[str, VideoIndex]:
        name = _index_name(task)
        return read_video_index(self.root / name, self.entry(name))

    def _rows(self, task: Task, split: str, truth: bool) -> ManifestFile:
        name = f"{FOLDERS[task]}/{split_key(split)}.jsonl"
        held_out = f"{HELD_OUT}/{name}"
        has_truth = truth and split == "test" and held_out in self.held_out and (self.root / held_out).is_file()
        return self.entry(held_out if has_truth else name)

    def _is_withheld(self, entry: ManifestFile) -> bool:
        """Whether version 2 lets these rows tell nothing of the truth; version 1 told the times of its questions."""
        return self.format_version > 1 and entry.access == "public" and PurePosixPath(entry.path).stem == "test_public"


def read_moments(
    path: Path, videos: VideoIndex, entry: ManifestFile | None = None, kind: type[MomentRow] = MomentRow
) -> MomentQueries:
    """Queries of a TVR-style jsonl; rows without vid_name and ts have their truth withheld."""
    rows: list[MomentRow] = []
    seen: set[int] = set()
    for number, row in read_lines(path, kind, entry):
        where = f"{path}:{number}: desc_id {row.desc_id}"
        if kind.withheld:
            _refuse_told(row, where)
        if row.desc_id in seen:
            raise ReleaseError(f"{where} a second time")
        if (row.vid_name is None) != (row.ts is None):
            raise ReleaseError(f"{where} has only one of vid_name and ts, expected both or neither")
        if row.vid_name is not None and row.vid_name not in videos.position:
            raise ReleaseError(f"{where}: vid_name {row.vid_name!r} is not in the video index of this split")
        if row.ts is not None and not 0 <= row.ts[0] < row.ts[1] < math.inf:
            raise ReleaseError(f"{where}: ts is {list(row.ts)}, expected 0 <= start < end in seconds")
        seen.add(row.desc_id)
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
    """Questions of a VALUE-style jsonl with four options; rows without answer_idx have their truth withheld.

    A release knows the `videos` that they may be asked about.
    """
    rows: list[QuestionRow] = []
    seen: set[int] = set()
    for number, row in read_lines(path, kind, entry):
        where = f"{path}:{number}: qid {row.qid}"
        if kind.withheld:
            _refuse_told(row, where)
        if row.qid in seen:
            raise ReleaseError(f"{where} a second time")
        if row.answer_idx is not None and not 0 <= row.answer_idx <= 3:
            raise ReleaseError(f"{where}: answer_idx is {row.answer_idx}, expected 0..3")
        if videos is not None and row.vid_name not in videos.position:
            raise ReleaseError(f"{where}: vid_name {row.vid_name!r} is not in the video index of this split")
        seen.add(row.qid)
        rows.append(row)
    if not rows:
        raise ReleaseError(f"{path}: no questions")
    return Questions(
        qids=np.array([row.qid for row in rows], np.int64),
        q=[row.q for row in rows],
        options=[(row.a0, row.a1, row.a2, row.a3) for row in rows],
        video=[row.vid_name for row in rows],
        span=np.array([_parse_span(path, row) for row in rows], np.float64),
        answer=np.array([-1 if row.answer_idx is None else row.answer_idx for row in rows], np.int64),
    )


def read_answer_key(path: Path) -> Questions:
    """The field's bare {"qid": answer} truth: no text, no options, no videos."""
    raw = read_json(path, dict[int, int])
    if not raw or min(raw.values()) < 0:
        raise ReleaseError(f'{path}: expected {{"qid": answer index from 0 on}}, at least one')
    return Questions(
        qids=np.array(list(raw), np.int64),
        q=[],
        options=[],
        video=[],
        span=np.full((len(raw), 2), math.nan),
        answer=np.array(list(raw.values()), np.int64),
    )


def _index_name(task: Task) -> str:
    return f"{FOLDERS[task]}/video2dur_idx.json"


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
