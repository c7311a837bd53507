"""JSON of the field's sets and tools.

| form | whose |
|---|---|
| {"vid_name", "sub": [{"text", "start", "end"}]}, a line a video or a list of them | TVR, TVQA, our releases |
| {video: {"start": [], "end": [], "text": []}} | HowTo100M |
| {"events": [{"tStartMs", "dDurationMs", "segs"}]} | YouTube's json3 |
| {"segments": [{"text", "start", "end"}]} | Whisper |
| [{"text", "start", "duration" or "end"}], also a line each | youtube-transcript-api |
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from annotation.media.subtitles.cues import Draft, SubtitleError
from annotation.media.subtitles.forms import json3
from annotation.media.subtitles.forms.markup import plain

_LINES = ("sub", "segments", "subtitles")
_COLUMNS = ("start", "end", "text")


def parse(text: str) -> dict[str, Draft]:
    """{video: what is said in it}; the name is empty where the file holds one film alone. Raises SubtitleError."""
    found: dict[str, Draft] = {}
    for where, value in _values(text):
        for name, content, place in _films(value, where):
            _read_into(found.setdefault(name, Draft()), content, place)
    return found


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """The file as one value, or line by line. NaN, which pandas writes, is read: one cue is listed, not a file lost."""
    try:
        yield "", json.loads(text)
        return
    except (ValueError, RecursionError) as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        if len(lines) < 2:
            raise SubtitleError(f"no JSON: {error}") from error
    for number, line in lines:
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            raise SubtitleError(f"line {number}: no JSON: {error}") from error


def _films(value: Any, where: str) -> Iterator[tuple[str, Any, str]]:
    """(name of the video, its content, place in the file)."""
    if isinstance(value, list) and any(_name(row) for row in value):
        for place, row in enumerate(value):
            yield _name(row), row, f"entry {place}"
    elif isinstance(value, dict) and not _is_film(value) and value and all(map(_holds_lines, value.values())):
        yield from ((name, content, repr(name)) for name, content in value.items())
    else:
        yield _name(value), value, where


def _name(row: Any) -> str:
    name = row.get("vid_name") if isinstance(row, dict) else None
    return name if isinstance(name, str) else ""


def _is_film(value: dict[str, Any]) -> bool:
    return "events" in value or any(key in value for key in (*_LINES, *_COLUMNS))


def _holds_lines(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and _is_film(value))


def _read_into(draft: Draft, content: Any, where: str) -> None:
    if isinstance(content, dict) and isinstance(content.get("events"), list):
        json3.parse(content["events"], draft)
    elif isinstance(content, dict) and all(isinstance(content.get(key), list) for key in _COLUMNS):
        _columns(draft, [content[key] for key in _COLUMNS], where)
    else:
        for place, row in enumerate(_rows(content, where)):
            _add(draft, row, f"{where}[{place}]" if where else f"entry {place}")


def _rows(content: Any, where: str) -> list[Any]:
    if isinstance(content, dict):
        rows = next((content[key] for key in _LINES if isinstance(content.get(key), list)), None)
        content = rows if rows is not None else [content] if "text" in content else None
    if not isinstance(content, list):
        raise SubtitleError(f"{where}: JSON of no known form".removeprefix(": "))
    return content


def _columns(draft: Draft, columns: list[list[Any]], where: str) -> None:
    lengths = sorted({len(column) for column in columns})
    if len(lengths) > 1:
        raise SubtitleError(f"{where}: start, end and text are of lengths {lengths}, expected one")
    for place, row in enumerate(zip(*columns, strict=True)):
        _add(draft, dict(zip(_COLUMNS, row, strict=True)), f"{where}[{place}]")


def _add(draft: Draft, row: Any, where: str) -> None:
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        draft.refuse(where, "is no {text, start, end}")
        return
    start, end = number(row.get("start")), number(row.get("end"))
    duration = number(row.get("duration"))
    if end is None and start is not None and duration is not None:
        end = start + duration
    if start is None or end is None:
        draft.refuse(where, f"times are {row.get('start')!r:.40} and {row.get('end')!r:.40}, expected seconds")
        return
    draft.add(where, start, end, [plain(line) for line in row["text"].split("\n")])


def number(value: Any) -> float | None:
    """A JSON number as a float; None for all else, also one that no float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return None
    return float(value)
