"""The release format (docs/release_format.md), at home here: its names, rows, manifests and feature files."""

from evaluation.release.manifest import HELD_OUT, MANIFEST, ReleaseFolder
from evaluation.release.reader import (
    FOLDERS,
    SPLITS,
    SUBTITLES,
    MomentQueries,
    Questions,
    Release,
    Task,
    read_answer_key,
    read_moments,
    read_questions,
    split_key,
)
from evaluation.release.schema import ManifestFile, ReleaseError, SubtitleLine, SubtitleRow, read_lines
from evaluation.release.video_index import VideoIndex, read_video_index

__all__ = [
    "FOLDERS",
    "HELD_OUT",
    "MANIFEST",
    "SPLITS",
    "SUBTITLES",
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
