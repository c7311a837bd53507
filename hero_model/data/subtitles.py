"""Subtitle files: one line of JSON a video, as in a release."""

import math
from pathlib import Path

import numpy as np

from evaluation.release import SUBTITLES_FORM, ManifestFile, SubtitleLine, subtitle_rows
from hero_model.data.release import reading_release
from hero_model.errors import InputError
from hero_model.paths import check_input_file

LONGEST_S = 86_400.0  # a subtitle beyond a day is in another unit


def read_subtitles(path: Path, entry: ManifestFile | None = None) -> dict[str, list[SubtitleLine]]:
    """{video: its lines} of a file like a release's subtitles.jsonl, compared with its entry where it is one.

    Raises InputError that names line and field.
    """
    check_input_file(path, SUBTITLES_FORM)
    found: dict[str, list[SubtitleLine]] = {}
    with reading_release():
        for number, row in subtitle_rows(path, entry):
            found[row.vid_name] = [
                check_subtitle(line, f"{path}:{number}: sub[{place}]") for place, line in enumerate(row.sub)
            ]
    return found


def check_subtitle(line: SubtitleLine, where: str) -> SubtitleLine:
    """Raises InputError unless 0 <= start <= end <= LONGEST_S (seconds) and the text is a string."""
    for name, value in (("start", line.start), ("end", line.end)):
        if not isinstance(value, int | float | np.integer | np.floating) or not math.isfinite(value):
            raise InputError(f"{where}: {name} is {value!r}, expected seconds")
    if not 0 <= line.start <= line.end <= LONGEST_S:
        raise InputError(
            f"{where}: start is {line.start:g} and end {line.end:g}, expected 0 <= start <= end <= {LONGEST_S:g} s"
        )
    if not isinstance(line.text, str):
        raise InputError(f"{where}: text is {line.text!r}, expected a string")
    return line
