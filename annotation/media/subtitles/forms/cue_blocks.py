"""SubRip and WebVTT: a line with two times and an arrow, then the text.

The libraries for them (pysubs2, webvtt-py) leave a broken cue out without a word; here it is listed with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile

from annotation.media.subtitles.cues import Draft
from annotation.media.subtitles.forms.clock import seconds
from annotation.media.subtitles.forms.markup import WORD_TIME, lines_of, plain

_ARROW = "-->"
_NUMBER = re.compile(r"\s*\d{1,9}\s*", re.ASCII)
_NOTE = re.compile(r"NOTE([ \t]|$)")


def parse_srt(text: str, draft: Draft) -> None:
    """SubRip; numbers may be missing, a text may hold empty lines."""
    for ordinal, (number, times, below) in enumerate(_blocks(lines_of(text)), start=2):
        _add(draft, number, times, _without_next_number(below, ordinal))


def parse_vtt(text: str, draft: Draft) -> None:
    """WebVTT; notes, styles and names of cues are passed over."""
    for number, times, below in _blocks(list(_without_notes(lines_of(text)))):
        _add(draft, number, times, list(takewhile(bool, below)))


def _without_notes(lines: Iterable[str]) -> Iterator[str]:
    """Notes as empty lines, so that the others keep their numbers: people put cues that they took out into them."""
    noted, above = False, ""
    for line in lines:
        noted = bool(line.strip()) if noted else not above and _NOTE.match(line) is not None
        yield "" if noted else line
        above = line


def _blocks(lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    """(line number from 1, line with the times, lines up to the next such one)."""
    marks = [place for place, line in enumerate(lines) if _ARROW in line]
    for mark, following in zip(marks, [*marks, len(lines)][1:], strict=True):
        yield mark + 1, lines[mark], lines[mark + 1 : following]


def _without_next_number(below: list[str], ordinal: int) -> list[str]:
    """The number of the next cue stands above its times: after an empty line, or as the one that must come."""
    if below and _NUMBER.fullmatch(below[-1]):
        alone = len(below) == 1 or not below[-2].strip()
        if alone or below[-1].strip() == str(ordinal):
            return below[:-1]
    return below


def _add(draft: Draft, number: int, times: str, below: list[str]) -> None:
    where = f"line {number}"
    begin, _, rest = times.partition(_ARROW)
    end = rest.split()[0] if rest.split() else ""  # behind it WebVTT places the cue
    try:
        start_s, end_s = seconds(begin), seconds(end)
    except ValueError as error:
        draft.refuse(where, str(error))
        return
    timed = any(WORD_TIME.search(line) for line in below)
    draft.add(where, start_s, end_s, [plain(line) for line in below], timed)
