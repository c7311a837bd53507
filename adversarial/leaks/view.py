"""A release as a participant has it, and beside it the hidden truth that only the auditor holds.

The one place that reads release folders: attacks see a `View`, the truth reaches nothing but the scoring.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adversarial.data.errors import ItemError
from evaluation.release import (
    HELD_OUT,
    SPLITS,
    ManifestFile,
    MomentQueries,
    Questions,
    Release,
    ReleaseError,
    SubtitleLine,
    Task,
    is_held_out,
    is_public,
    rows_name,
    truth_name,
)


@dataclass(frozen=True)
class ClipFeatures:
    """One clip in a feature file: frames, where its bytes begin, and their sha256."""

    frames: int
    offset: int
    sha256: str


@dataclass(frozen=True)
class View:
    """Public rows by split (train and val with labels, test without), and everything else that is handed out.

    `features` holds one {vid_name: ClipFeatures} a feature set, `files` (bytes, mtime in ns) by the stem of each
    public file.
    """

    moments: dict[str, MomentQueries]
    questions: dict[str, Questions]
    subtitles: dict[str, list[SubtitleLine]]
    features: dict[str, dict[str, ClipFeatures]]
    files: dict[str, tuple[int, int]]

    def spoken(self, clip: str) -> str:
        """All subtitles of a clip in one text."""
        return " ".join(line.text for line in self.subtitles.get(clip, []))


@dataclass(frozen=True)
class Audited:
    """What is audited: `view`, and the truth of test in the order of the public rows (None: no such rows)."""

    name: str
    version: str
    hidden: str
    manifest_sha256: str
    seed: int
    strange_files: list[str]  # handed out, and no file of the format
    view: View
    moments: MomentQueries | None
    questions: Questions | None


def open_audited(folder: Path) -> Audited:
    """Read a full copy. Raises ItemError where the folder is no release or holds no truth."""
    try:
        release = Release.open(folder)
        if not release.has_held_out:
            raise ItemError(f"{folder}: lacks {HELD_OUT}/; only the owner's full copy can be audited for leaks")
        view = _view(release)
        return Audited(
            name=release.name,
            version=release.version,
            hidden=release.hidden,
            manifest_sha256=release.manifest_sha256,
            seed=release.manifest.seed,
            strange_files=_strange_files(release),
            view=view,
            moments=_moment_truth(release, view),
            questions=_question_truth(release, view),
        )
    except ReleaseError as error:
        raise ItemError(str(error)) from error


def _view(release: Release) -> View:
    return View(
        moments={split: release.moments(split, truth=False) for split in SPLITS if _has_rows(release, "moment", split)},
        questions={split: release.questions(split, truth=False) for split in SPLITS if _has_rows(release, "qa", split)},
        subtitles=release.subtitles(),
        features={name: _features(release, entries) for name, entries in release.feature_files().items()},
        files=_listing(release.root),
    )


def _features(release: Release, entries: Sequence[ManifestFile]) -> dict[str, ClipFeatures]:
    """The clips of a feature set, whose files follow each other."""
    found: dict[str, ClipFeatures] = {}
    before = 0
    for entry in entries:
        for name, clip in read_features(release.verified(entry)).items():
            found[name] = replace(clip, offset=before + clip.offset)
        before += entry.bytes
    return found


def _strange_files(release: Release) -> list[str]:
    """Listed or not: what lies in the public part and is read by nobody may hold anything, the truth included."""
    public = (path for path in release.root.rglob("*") if path.is_file())
    paths = (path.relative_to(release.root).as_posix() for path in public)
    return sorted(path for path in paths if not is_held_out(path) and not is_public(path))


def _has_rows(release: Release, task: Task, split: str) -> bool:
    path = rows_name(task, split)
    return any(entry.path == path and entry.bytes for entry in release.files())


def _listing(root: Path) -> dict[str, tuple[int, int]]:
    public = [path for path in root.rglob("*") if path.is_file() and HELD_OUT not in path.relative_to(root).parts]
    return {path.stem: (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(public)}


def _moment_truth(release: Release, view: View) -> MomentQueries | None:
    if "test" not in view.moments:
        return None
    public, full = view.moments["test"], release.moments("test")
    order = _aligned(public.desc_ids, full.desc_ids, full.has_truth, release.root / truth_name("moment"))
    return MomentQueries(
        desc_ids=public.desc_ids,
        desc=public.desc,
        types=public.types,
        video=full.video[order],
        start=full.start[order],
        end=full.end[order],
        videos=full.videos,
    )


def _question_truth(release: Release, view: View) -> Questions | None:
    if "test" not in view.questions:
        return None
    public, full = view.questions["test"], release.questions("test")
    order = _aligned(public.qids, full.qids, full.has_truth, release.root / truth_name("qa"))
    return Questions(
        qids=public.qids,
        q=public.q,
        options=public.options,
        video=public.video,
        span=full.span[order],
        answer=full.answer[order],
    )


def _aligned(public: NDArray[np.int64], full: NDArray[np.int64], known: bool, path: Path) -> NDArray[np.int64]:
    """Places in `full` of the public ids."""
    if not known or sorted(public.tolist()) != sorted(full.tolist()):
        raise ItemError(f"{path}: expected the truth of exactly the public test rows")
    order = np.argsort(full)
    return order[np.searchsorted(full, public, sorter=order)]


def read_features(path: Path) -> dict[str, ClipFeatures]:
    """vid_name -> ClipFeatures of a safetensors file. Raises ItemError where it is none."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(size, path.stat().st_size)))
            header.pop("__metadata__", None)
            found = {}
            for name, entry in header.items():
                low, high = entry["data_offsets"]
                file.seek(8 + size + low)
                digest = hashlib.sha256(file.read(high - low)).hexdigest()
                found[name] = ClipFeatures(int(entry["shape"][0]), int(low), digest)
            return found
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ItemError(f"{path}: expected a safetensors file of [frames, dim] arrays") from error
