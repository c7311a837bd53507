"""YouTube's json3: events in milliseconds, their words as segments.

An automatic event lasts until it has scrolled out, over the next one; it was spoken until the next one begins.
"""

from __future__ import annotations

from typing import Any

from annotation.media.subtitles.cues import Draft


def parse(events: list[Any], draft: Draft) -> None:
    """Events with words; those that only break a line or open a window are passed over."""
    spoken = [(place, event) for place, event in enumerate(events) if isinstance(event, dict) and _text(event).strip()]
    automatic = any("tOffsetMs" in segment for _, event in spoken for segment in _segments(event))
    draft.automatic = draft.automatic or automatic
    starts = [_ms(event, "tStartMs") for _, event in spoken]
    for (place, event), start, following in zip(spoken, starts, [*starts, None][1:], strict=True):
        where, duration = f"events[{place}]", _ms(event, "dDurationMs")
        if start is None or duration is None:
            draft.refuse(where, "lacks tStartMs or dDurationMs as numbers")
            continue
        end = start + duration
        if automatic and following is not None and following > start:
            end = min(end, following)
        draft.add(where, start / 1000, end / 1000, [" ".join(line.split()) for line in _text(event).split("\n")])


def _segments(event: dict[str, Any]) -> list[dict[str, Any]]:
    segments = event.get("segs")
    return [one for one in segments if isinstance(one, dict)] if isinstance(segments, list) else []


def _text(event: dict[str, Any]) -> str:
    words = (segment.get("utf8") for segment in _segments(event))
    return "".join(str(word) for word in words if word is not None)


def _ms(event: dict[str, Any], name: str) -> float | None:
    value = event.get(name)
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if known and value is not None else None
