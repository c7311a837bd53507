"""The commands by which anybody makes a score again, as one would type them beside the release and the file."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from benchmark_site.leaderboard.models import Submission, Track
from benchmark_site.leaderboard.scoring import predict, score

_PREDICTED = "predictions.json"  # what a model writes at home


def commands(submission: Submission) -> list[str]:
    """One line a command: of a model first the prediction.

    On a hidden split they need the copy of the release that holds its truth, and of a split in two parts the list of
    those ids that the numbers are made of.
    """
    track, file = submission.track, _argument(submission.file_name)
    lines = []
    if submission.kind == Submission.Kind.MODEL:
        folder = _argument(PurePosixPath(submission.file_name).stem)
        lines += [_line(["unzip", "-j", file, "-d", folder])]
        lines += [_line(["python", "-m", *predict.arguments(track, _release(track), folder, _PREDICTED)])]
        file = _PREDICTED
    asked = score.arguments(track, _release(track), file, dry_run=submission.dry_run)
    withheld = ["--withheld"] if track.hides_truth and not submission.baseline else []
    only = ["--only", "public.ids"] if track.has_private_part and not submission.dry_run else []
    return [*lines, _line(["python", "-m", *asked, *withheld, *only])]


def command_of(track: Track) -> str:
    """The same for any file of a track whose truth is public."""
    return _line(["python", "-m", *score.arguments(track, _release(track), _PREDICTED)])


def _release(track: Track) -> str:
    return track.release.folder_name


def _argument(name: str) -> str:
    """The name of a file, which a command would else take for an option."""
    return f"./{name}" if name.startswith("-") else name


def _line(words: list[str]) -> str:
    return shlex.join(words)
