"""Times as subtitles write them: hours:minutes:seconds, hours and fractions left out where there are none."""

from __future__ import annotations

import re

_CLOCK = re.compile(r"(-?)(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2})(?:[.,](\d{1,9}))?", re.ASCII)


def seconds(text: str) -> float:
    """Seconds of `1:02:03,500` or `62:03.5`. Raises ValueError that says what is there instead."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"a time is {text.strip()[:40]!r}, expected hours:minutes:seconds")
    sign, hours, minutes, rest, fraction = found.groups()
    if int(rest) > 59 or (hours is not None and int(minutes) > 59):
        raise ValueError(f"a time is {text.strip()!r}: there is no minute or second above 59")
    value = int(hours or 0) * 3600 + int(minutes) * 60 + int(rest) + float(f"0.{fraction or 0}")
    return -value if sign else value
