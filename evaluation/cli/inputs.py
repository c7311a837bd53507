"""What the commands about predictions are given: files, options, and the truth, of a release or of the field's own."""

import argparse
from pathlib import Path

from evaluation.forms.truth import read_truth_moments, read_truth_questions
from evaluation.io.jsonl import MAX_LINE_BYTES, numbered_lines
from evaluation.io.opened import open_plain
from evaluation.metrics.protocol import HEADLINE_THRESHOLDS, THRESHOLDS, ScoringOptions
from evaluation.release import (
    MomentQueries,
    Questions,
    Release,
    ReleaseError,
    VideoIndex,
    read_video_index,
    split_key,
)

SCORED, REFUSED = 0, 2  # exit statuses
ROWS_INTO_NMS = {"top200": 200, "after_top100": 100}


def release_and_files(arguments: argparse.Namespace, count: int) -> tuple[Release | None, list[Path]]:
    """The release, or none where --truth stands for it, and `count` prediction files. Raises ReleaseError."""
    files = list(arguments.paths)
    release = None if arguments.truth else Release.open(files.pop(0))
    if len(files) != count:
        first = "" if arguments.truth else "RELEASE and "
        raise ReleaseError(f"expected {first}{count} prediction file{'s' * (count > 1)}, found {len(files)}")
    return release, files


def options_of(arguments: argparse.Namespace, release: Release | None, *, details: bool = False) -> ScoringOptions:
    """What was asked for; `details` adds the thresholds of the curves. Raises ReleaseError."""
    return ScoringOptions(
        split=arguments.split,
        rules=arguments.rules,
        missing_is_miss=arguments.missing == "miss",
        withheld=arguments.withheld,
        seed=arguments.seed,
        nms=tuple(arguments.nms),
        nms_rows_in=ROWS_INTO_NMS[arguments.nms_variant],
        # the field's own files under the field's own rules: bit for bit what its scorer does
        clamp=release is not None or arguments.rules == "strict",
        thresholds=THRESHOLDS if details else HEADLINE_THRESHOLDS,
        only=_read_ids(arguments.only) if getattr(arguments, "only", None) else None,
    )


def moments_of(release: Release | None, arguments: argparse.Namespace) -> MomentQueries:
    """The queries of the split, of the release or of --truth. Raises ReleaseError, FormError."""
    if release is not None:
        return release.moments(arguments.split)
    if not (arguments.video_index or arguments.truth_form):
        raise ReleaseError("--truth for moments needs --video-index, the field's video2dur_idx.json")
    videos = _indexed_videos(arguments.video_index, arguments.split) if arguments.video_index else None
    refuse = arguments.past_end == "refuse"
    return read_truth_moments(arguments.truth, arguments.truth_form or "tvr", videos, refuse_past_end=refuse)


def questions_of(release: Release | None, arguments: argparse.Namespace) -> Questions:
    """The questions of the split, of the release or of --truth. Raises ReleaseError, FormError."""
    if release is not None:
        return release.questions(arguments.split)
    return read_truth_questions(arguments.truth, arguments.truth_form)


def _read_ids(path: Path) -> frozenset[int]:
    def too_long(number: int) -> ReleaseError:
        return ReleaseError(f"{path}:{number}: line too long, expected one whole number")

    ids = set()
    with open_plain(path, ReleaseError) as file:
        for number, raw in numbered_lines(file, MAX_LINE_BYTES, too_long):
            line = raw.decode("ascii", "replace").strip()
            if not line.isdigit() or len(line) > 18:
                raise ReleaseError(
                    f"{path}:{number}: {line[:40]!r} is no id of a query: expected one whole number a line"
                )
            ids.add(int(line))
    return frozenset(ids)


def _indexed_videos(path: Path, split: str) -> VideoIndex:
    index, key = read_video_index(path), split_key(split)
    if key not in index:
        raise ReleaseError(f"{path}: no split {key!r}, only {', '.join(index)}")
    return index[key]
