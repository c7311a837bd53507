"""Captions as a table: `start,end,text`, HowTo100M's file a video; pandas' index column and tabs are taken, too."""

from __future__ import annotations

import csv
import io
import re

from annotation.media.subtitles.cues import Draft, SubtitleError
from annotation.media.subtitles.forms.markup import plain

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,20})?([eE][+-]?\d{1,3})?", re.ASCII)
_NEEDED = {"start", "end", "text"}


def is_table(head: str) -> bool:
    """Whether the first line names the columns."""
    return set(_names(head)) >= _NEEDED


def parse(text: str, draft: Draft) -> None:
    """Raises SubtitleError on a table that cannot be told apart into fields."""
    text = text.lstrip()
    rows = csv.DictReader(io.StringIO(text, newline=""), fieldnames=_names(text), delimiter=_delimiter(text))
    try:
        next(rows)
        for row in rows:
            _add(draft, f"line {rows.line_num}", row)
    except csv.Error as error:
        raise SubtitleError(f"line {rows.line_num}: no row of a table: {error}") from error


def _names(text: str) -> list[str]:
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    return [name.strip().strip('"').casefold() for name in first[:1000].split(_delimiter(text))]


def _delimiter(text: str) -> str:
    first = re.split(r"[\r\n]", text, maxsplit=1)[0][:1000]
    return max(",\t;", key=first.count)


def _add(draft: Draft, where: str, row: dict[str, str | None]) -> None:
    times = [(row.get(name) or "").strip() for name in ("start", "end")]
    if not all(_NUMBER.fullmatch(time) for time in times):
        draft.refuse(where, f"times are {times[0][:40]!r} and {times[1][:40]!r}, expected seconds")
        return
    draft.add(where, float(times[0]), float(times[1]), [plain(row.get("text") or "")])
