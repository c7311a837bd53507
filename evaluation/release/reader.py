"""Reads a release directory (docs/release_format.md).

Times are seconds relative to the clip. Nothing here trusts the folder: every file is compared with its hash, every
row is typed, every error names file and line.
"""

from collections.abc import Sequence
from functools import cached_property, reduce
from pathlib import PurePosixPath
from typing import Literal, overload

from evaluation.release.files import read_json, read_lines, subtitle_rows
from evaluation.release.manifest import ReleaseFolder
from evaluation.release.names import (
    DIFFICULTY,
    FOLDERS,
    HALVES,
    HELD_OUT,
    LENT,
    SUBTITLES,
    TEST_PUBLIC,
    feature_set_files,
    features_index_name,
    index_name,
    reserve_name,
    rows_name,
    split_key,
    truth_name,
)
from evaluation.release.queries import MomentQueries, Questions, read_moments, read_questions, read_reserve
from evaluation.release.schema import (
    DifficultyRow,
    FeatureIndex,
    Half,
    HalfRow,
    LentRow,
    ManifestFile,
    MomentRow,
    PublicMomentRow,
    PublicQuestionRow,
    QuestionRow,
    ReleaseError,
    SubtitleLine,
    Task,
)
from evaluation.release.video_index import VideoIndex, check_agreement, read_video_index, union


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
        check_agreement({self.root / index_name(task): index for task, index in indexes.items()})
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
    def reserve(self, task: Literal["moment"]) -> list[MomentRow]: ...
    @overload
    def reserve(self, task: Literal["qa"]) -> list[QuestionRow]: ...
    def reserve(self, task: Task) -> list[MomentRow] | list[QuestionRow]:
        """Held-out rows of `task` on hidden clips that serve the other one, with truth, as they lie in the file.

        A clip on which nothing else was collected is in no index. Raises ReleaseError in a public copy.
        """
        self._require_held_out("the reserve")
        entry = self.held_out.get(reserve_name(task))
        return [] if entry is None else read_reserve(self.root / entry.path, task, entry)

    def difficulty(self) -> dict[int, float]:
        """qid -> the chance, 0 to 1, that models without the video find the right answer; empty where not measured.

        Raises ReleaseError in a public copy.
        """
        self._require_held_out("the difficulty of its questions")
        entry = self.held_out.get(DIFFICULTY)
        rows = [] if entry is None else [row for _, row in read_lines(self.root / entry.path, DifficultyRow, entry)]
        return {row.qid: row.blind_chance for row in rows}

    def lent(self) -> list[LentRow]:
        """The options that were lent by another question, of all splits; none where the release does not say.

        Raises ReleaseError in a public copy.
        """
        self._require_held_out("which options were lent")
        entry = self.held_out.get(LENT)
        return [] if entry is None else [row for _, row in read_lines(self.root / entry.path, LentRow, entry)]

    def halves(self) -> dict[str, Half]:
        """Clip of test -> the half in which it lies; empty where test is not divided.

        Raises ReleaseError in a public copy.
        """
        self._require_held_out("how test is divided")
        entry = self.held_out.get(HALVES)
        rows = [] if entry is None else [row for _, row in read_lines(self.root / entry.path, HalfRow, entry)]
        return {row.vid_name: row.half for row in rows}

    def subtitles(self) -> dict[str, list[SubtitleLine]]:
        """vid_name -> subtitle lines (seconds relative to the clip)."""
        rows = subtitle_rows(self.root / SUBTITLES, self.entry(SUBTITLES))
        return {row.vid_name: row.sub for _, row in rows}

    def feature_files(self) -> dict[str, list[ManifestFile]]:
        """Name of a feature set -> its .safetensors files, one or several; `verified` compares one and gives its path.

        Raises ReleaseError where the index of several names others.
        """
        entries = {entry.path: entry for entry in self.files()}
        sets = feature_set_files(entries)
        for name, paths in sets.items():
            if index := entries.get(features_index_name(name)):
                self._check_index(index, paths)
        return {name: [entries[path] for path in paths] for name, paths in sets.items()}

    def _check_index(self, entry: ManifestFile, paths: Sequence[str]) -> None:
        index = read_json(self.root / entry.path, FeatureIndex, entry)
        named, there = set(index.weight_map.values()), {PurePosixPath(path).name for path in paths}
        if named != there:
            raise ReleaseError(
                f"{self.root / entry.path}: names {min(named ^ there)}, expected {', '.join(sorted(there))}"
            )

    def _require_held_out(self, what: str) -> None:
        if not self.has_held_out:
            raise ReleaseError(f"{self.root}: {what} is not in this copy of the release, it needs {HELD_OUT}/")

    def _read_index(self, task: Task) -> dict[str, VideoIndex]:
        name = index_name(task)
        return read_video_index(self.root / name, self.entry(name))

    def _rows(self, task: Task, split: str, truth: bool) -> ManifestFile:
        name, full = rows_name(task, split), truth_name(task)
        has_truth = truth and split == "test" and full in self.held_out and (self.root / full).is_file()
        return self.entry(full if has_truth else name)

    def _is_withheld(self, entry: ManifestFile) -> bool:
        """Whether version 2 lets these rows tell nothing of the truth; version 1 told the times of its questions."""
        return self.format_version > 1 and entry.access == "public" and PurePosixPath(entry.path).stem == TEST_PUBLIC
