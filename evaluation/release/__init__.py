"""The release format (docs/release_format.md), at home here: its names, rows, manifests and feature files."""

from evaluation.release.files import subtitle_rows
from evaluation.release.manifest import ReleaseFolder
from evaluation.release.names import (
    CARD,
    FOLDERS,
    FORMAT,
    HELD_OUT,
    HELD_OUT_MANIFEST,
    MANIFEST,
    PROVENANCE,
    SPLITS,
    SUBTITLES,
    TEST_PUBLIC,
    is_features,
    is_held_out,
    is_public,
    rows_name,
    split_key,
    truth_name,
)
from evaluation.release.queries import MomentQueries, Questions, Windows, read_moments, read_questions
from evaluation.release.reader import Release
from evaluation.release.schema import (
    SUBTITLES_FORM,
    ManifestFile,
    ReleaseError,
    SubtitleLine,
    Task,
)
from evaluation.release.video_index import VideoIndex, read_video_index

__all__ = [
    "CARD",
    "FOLDERS",
    "FORMAT",
    "HELD_OUT",
    "HELD_OUT_MANIFEST",
    "MANIFEST",
    "PROVENANCE",
    "SPLITS",
    "SUBTITLES",
    "SUBTITLES_FORM",
    "TEST_PUBLIC",
    "ManifestFile",
    "MomentQueries",
    "Questions",
    "Release",
    "ReleaseError",
    "ReleaseFolder",
    "SubtitleLine",
    "Task",
    "VideoIndex",
    "Windows",
    "is_features",
    "is_held_out",
    "is_public",
    "read_moments",
    "read_questions",
    "read_video_index",
    "rows_name",
    "split_key",
    "subtitle_rows",
    "truth_name",
]
