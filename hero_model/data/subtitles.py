"""Subtitle files: one line of JSON a video, as in a release."""

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from evaluation.release import SUBTITLES_FORM, ManifestFile, SubtitleLine, subtitle_fault, subtitle_rows
from hero_model.data.release import reading_release
from hero_model.errors import InputError, InputWarning
from hero_model.paths import check_input_file


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
    """Raises InputError unless start and end are seconds that a subtitle can have and the text is a string."""
    for name, value in (("start", line.start), ("end", line.end)):
        if not isinstance(value, int | float | np.integer | np.floating) or not math.isfinite(value):
            raise InputError(f"{where}: {name} is {value!r}, expected seconds")
    if fault := subtitle_fault(line):
        raise InputError(f"{where}: {fault}")
    if not isinstance(line.text, str):
        raise InputError(f"{where}: text is {line.text!r}, expected a string")
    return line


def check_times(subtitles: Mapping[str, Sequence[SubtitleLine]], durations: Mapping[str, float], where: str) -> None:
    """Whether the lines can be what is heard in their clips of so many seconds; clips without a duration are passed.

    Words of a line outside its clip would be dropped without a word. Raises InputError where half of the lines of a
    clip, or of all, lie outside; an InputWarning tells of fewer, which subtitles of TV shows have at their ends.
    """
    outside = {
        name: [line for line in lines if _is_outside(line, durations[name])]
        for name, lines in subtitles.items()
        if name in durations
    }
    lost = {name: lines for name, lines in outside.items() if lines}
    if not lost:
        return
    total, count = sum(len(subtitles[name]) for name in outside), sum(map(len, lost.values()))
    scaled = [name for name, lines in lost.items() if _in_milliseconds(subtitles[name], lines, durations[name])]
    name = (scaled or list(lost))[0]
    line, unit = (
        lost[name][0],
        "; the times look like milliseconds, expected seconds"
        if scaled
        else " (expected seconds from the clip's start)",
    )
    told = f"first of clip {name!r} of {durations[name]:g} s: {line.start:g} to {line.end:g} s{unit}"
    if scaled or count * 2 > total:
        raise InputError(f"{where}: {count} of {total} subtitles lie outside their clip, {told}")
    warnings.warn(f"{where}: {count} of {total} subtitles lie outside their clip and are lost, {told}", InputWarning, 2)


def _is_outside(line: SubtitleLine, duration: float) -> bool:
    return line.start >= duration


def _in_milliseconds(lines: Sequence[SubtitleLine], outside: Sequence[SubtitleLine], duration: float) -> bool:
    """Half of a clip's lines outside it, and a thousandth of the last one's end inside."""
    last = max(line.end for line in lines)
    return len(outside) * 2 >= len(lines) and 10 * duration < last <= 1000 * (duration + 1)
