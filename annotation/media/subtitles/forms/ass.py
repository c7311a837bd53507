"""Advanced SubStation Alpha and SSA: events are lines of fields, the text is the last and may hold commas."""

from __future__ import annotations

from annotation.media.subtitles.cues import Draft, SubtitleError
from annotation.media.subtitles.forms.clock import seconds
from annotation.media.subtitles.forms.markup import lines_of, plain_ass

_USUAL = ["layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"]
_NEEDED = ("start", "end", "text")


def parse(text: str, draft: Draft) -> None:
    """The dialogue of the section Events; comments are passed over. Raises SubtitleError on fields without times."""
    section, fields = "", _USUAL
    for number, line in enumerate(lines_of(text), start=1):
        key, _, value = line.partition(":")
        if line.lstrip().startswith("["):
            section = line.strip().casefold()
        elif section == "[events]" and key.strip().casefold() == "format":
            fields = _fields(value, number)
        elif section == "[events]" and key.strip().casefold() == "dialogue":
            _add(draft, number, fields, value)


def _fields(value: str, number: int) -> list[str]:
    fields = [name.strip().casefold() for name in value.split(",")]
    if any(name not in fields for name in _NEEDED) or fields[-1] != "text":
        raise SubtitleError(f"line {number}: the format of events needs Start, End and, as the last, Text")
    return fields


def _add(draft: Draft, number: int, fields: list[str], value: str) -> None:
    where = f"line {number}"
    values = value.split(",", len(fields) - 1)
    if len(values) < len(fields):
        draft.refuse(where, f"{len(values)} fields, expected {len(fields)}")
        return
    event = dict(zip(fields, values, strict=True))
    try:
        start_s, end_s = seconds(event["start"]), seconds(event["end"])
    except ValueError as error:
        draft.refuse(where, str(error))
        return
    draft.add(where, start_s, end_s, [plain_ass(event["text"])])
