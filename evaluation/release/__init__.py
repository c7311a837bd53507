"""The release format (docs/release_format.md), at home here: its names, rows, manifests and feature files."""

from evaluation.release.files import read_lines
from evaluation.release.manifest import ReleaseFolder
from evaluation.release.queries import MomentQueries, Questions, read_answer_key, read_moments, read_questions
from evaluation.release.reader import Release
from evaluation.release.schema import (
    FOLDERS,
    HELD_OUT,
    HELD_OUT_MANIFEST,
    MANIFEST,
    PROVENANCE,
    SPLITS,
    SUBTITLES,
    TEST_PUBLIC,
    ManifestFile,
    ReleaseError,
    SubtitleLine,
    SubtitleRow,
    Task,
    split_key,
)
from evaluation.release.video_index import VideoIndex, read_video_index

__all__ = [
    "FOLDERS",
    "HELD_OUT",
    "HELD_OUT_MANIFEST",
    "MANIFEST",
    "PROVENANCE",
    "SPLITS",
    "SUBTITLES",
    "TEST_PUBLIC",
    "ManifestFile",
    "MomentQueries",
    "Questions",
    "Release",
    "ReleaseError",
    "ReleaseFolder",
    "SubtitleLine",
    "SubtitleRow",
    "Task",
    "VideoIndex",
    "read_answer_key",
    "read_lines",
    "read_moments",
    "read_questions",
    "read_video_index",
    "split_key",
]
