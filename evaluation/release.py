"""Reads a release directory (docs/release_format.md) or the field's own ground-truth files.

Times are seconds relative to the clip. Nothing here trusts the folder: every row is typed, every error names
file and line, and `Release.verify` recomputes the hashes of MANIFEST.json.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np
from numpy.typing import NDArray

from evaluation.rows import (
    MAX_MANIFEST_BYTES,
    Manifest,
    ManifestFile,
    MomentRow,
    QuestionRow,
    ReleaseError,
    SubtitleLine,
    SubtitleRow,
    read_bounded,
    read_lines,
)

FORMAT = "hero-bench-release/1"
SPLITS = ("train", "val", "test")
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


class Release:
    """An opened release directory; files are read when asked for."""

    def __init__(self, root: Path, manifest: Manifest, manifest_sha256: str) -> None:
        self.root = root
        self.manifest = manifest
        self.manifest_sha256 = manifest_sha256

    @classmethod
    def open(cls, path: str | Path) -> "Release":
        """Read MANIFEST.json of the folder `path`. Raises ReleaseError."""
        root = Path(path)
        manifest_path = root / "MANIFEST.json"
        if not root.is_dir():
            raise ReleaseError(f"{root}: no such folder; expected a release directory")
        raw = read_bounded(manifest_path, MAX_MANIFEST_BYTES)
        try:
            manifest = msgspec.json.decode(raw, type=Manifest)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ReleaseError(f"{manifest_path}: {error}") from error
        if manifest.format != FORMAT:
            raise ReleaseError(f"{manifest_path}: format is {manifest.format!r}, expected {FORMAT!r}")
        for entry in manifest.files:
            parts = PurePosixPath(entry.path)
            if parts.is_absolute() or ".." in parts.parts or not entry.path:
                raise ReleaseError(f"{manifest_path}: path {entry.path!r} leads out of the release")
        return cls(root, manifest, hashlib.sha256(raw).hexdigest())

    @property
    def name(self) -> str:
        """Slug of the release."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """Version of the release, as in the manifest."""
        return self.manifest.version

    def files(self, access: str = "public") -> list[ManifestFile]:
        """Files of the manifest with this access: "public" or "held_out"."""
        return [entry for entry in self.manifest.files if entry.access == access]

    @property
    def has_held_out(self) -> bool:
        """True where this copy holds every held-out file, so that `test` can be scored."""
        held_out = self.files("held_out")
        return bool(held_out) and all((self.root / entry.path).is_file() for entry in held_out)

    def verify(self) -> None:
        """Recompute size and sha256 of every listed file (held-out ones only where present). Raises ReleaseError."""
        for entry in self.manifest.files:
            path = self.root / entry.path
            if entry.access == "held_out" and not path.exists():
                continue
            if not path.is_file():
                raise ReleaseError(f"{path}: listed in MANIFEST.json but not there")
            size = path.stat().st_size
            if size != entry.bytes:
                raise ReleaseError(f"{path}: {size} bytes, MANIFEST.json says {entry.bytes}")
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != entry.sha256:
                raise ReleaseError(f"{path}: sha256 {digest}, MANIFEST.json says {entry.sha256}")

    @cached_property
    def _video_index(self) -> dict[str, VideoIndex]:
        return read_video_index(self.root / "moment/tvr/video2dur_idx.json")

    def videos(self, split: str) -> VideoIndex:
        """The videos of `split`; raises ReleaseError where the release has none for it."""
        try:
            return self._video_index[split_key(split)]
        except KeyError:
            raise ReleaseError(
                f"{self.root / 'moment/tvr/video2dur_idx.json'}: no split {split_key(split)!r}"
            ) from None

    @property
    def tasks(self) -> list[str]:
        """The tasks this release has data for: "moment", "qa" or both."""
        folders = {"moment": "moment/tvr/", "qa": "qa/value/"}
        paths = [entry.path for entry in self.manifest.files]
        return [
            task
            for task, folder in folders.items()
            if any(path.startswith(folder) and path.endswith(".jsonl") for path in paths)
        ]

    def moments(self, split: str, *, truth: bool = True) -> MomentQueries:
        """Queries of `split` in the file's order.

        With truth=True the held-out rows are used where the copy has them (`MomentQueries.has_truth` says so);
        with truth=False only what every participant may see.
        """
        return read_moments(self._rows_path("moment/tvr", split, truth), self.videos(split))

    def questions(self, split: str, *, truth: bool = True) -> Questions:
        """Questions of `split` in the file's order; truth as in `moments`."""
        return read_questions(self._rows_path("qa/value", split, truth))

    def subtitles(self) -> dict[str, list[SubtitleLine]]:
        """vid_name -> subtitle lines (seconds relative to the clip)."""
        path = self.root / "subtitles.jsonl"
        rows: dict[str, list[SubtitleLine]] = {}
        for number, row in read_lines(path, SubtitleRow):
            if row.vid_name in rows:
                raise ReleaseError(f"{path}:{number}: vid_name {row.vid_name!r} a second time")
            rows[row.vid_name] = row.sub
        return rows

    def feature_files(self) -> dict[str, Path]:
        """Name of a feature set -> its .safetensors file."""
        return {
            PurePosixPath(entry.path).stem: self.root / entry.path
            for entry in self.files()
            if entry.path.startswith("features/") and entry.path.endswith(".safetensors")
        }

    def _rows_path(self, folder: str, split: str, truth: bool) -> Path:
        name = f"{folder}/{split_key(split)}.jsonl"
        held_out = self.root / "held_out" / name
        return held_out if truth and split == "test" and held_out.is_file() else self.root / name


def read_video_index(path: Path) -> dict[str, VideoIndex]:
    """{split: {vid_name: [duration_s, idx]}} -> {split: VideoIndex}; idx unique over the whole file."""
    try:
        raw = msgspec.json.decode(read_bounded(path, MAX_MANIFEST_BYTES), type=dict[str, dict[str, tuple[float, int]]])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReleaseError(f"{path}: {error}") from error
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


def read_moments(path: Path, videos: VideoIndex) -> MomentQueries:
    """Queries of a TVR-style jsonl; rows without vid_name and ts have their truth withheld."""
    rows: list[MomentRow] = []
    seen: set[int] = set()
    for number, row in read_lines(path, MomentRow):
        where = f"{path}:{number}: desc_id {row.desc_id}"
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


def read_questions(path: Path) -> Questions:
    """Questions of a VALUE-style jsonl with four options; rows without answer_idx have their truth withheld."""
    rows: list[QuestionRow] = []
    seen: set[int] = set()
    for number, row in read_lines(path, QuestionRow):
        where = f"{path}:{number}: qid {row.qid}"
        if row.qid in seen:
            raise ReleaseError(f"{where} a second time")
        if row.answer_idx is not None and not 0 <= row.answer_idx <= 3:
            raise ReleaseError(f"{where}: answer_idx is {row.answer_idx}, expected 0..3")
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
    try:
        raw = msgspec.json.decode(read_bounded(path, MAX_MANIFEST_BYTES), type=dict[int, int])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ReleaseError(f"{path}: {error}") from error
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


def _parse_span(path: Path, row: QuestionRow) -> tuple[float, float]:
    if row.ts is None:
        return math.nan, math.nan
    try:
        start, end = (float(part) for part in row.ts.split("-"))
    except ValueError:
        raise ReleaseError(f'{path}: qid {row.qid}: ts is {row.ts!r}, expected "start-end"') from None
    return start, end
