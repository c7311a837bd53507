"""How an answer came about, as the task's page saw it: what was played, how long it took, what was pasted.

A browser says it, so it is evidence for a reviewer and never a reason by itself; without scripts there is none.
"""

from __future__ import annotations

import json
import math
from typing import Any

from annotation.review.flag import Flag

MAX_RANGES = 500
MAX_SECONDS = 86_400  # a day: longer than any task
MAX_PASTED = 100_000  # characters: more than any form takes
LITTLE_PLAYED = 0.5  # share of what the worker was asked to watch
LITTLE_TIME = 0.5  # seconds on the task for each second of film that was asked about
PASTED = 0.5  # share of the written characters


def read_conduct(raw: str) -> dict[str, Any] | None:
    """`{"played": [[from, to], …] in seconds of the clip, "seconds": …, "pasted": characters}`; None if it is not."""
    try:
        data = json.loads(raw)
        played = [(_number(a, MAX_SECONDS), _number(b, MAX_SECONDS)) for a, b in data["played"][:MAX_RANGES]]
        return {
            "played": [[a, b] for a, b in played if a < b],
            "seconds": _number(data["seconds"], MAX_SECONDS),
            "pasted": int(_number(data["pasted"], MAX_PASTED)),
        }
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def played_share(conduct: dict[str, Any], start: float, end: float) -> float:
    """Share (0 to 1) of `start` to `end`, in seconds of the clip, that was played at least once."""
    seen, reached = 0.0, start
    for a, b in sorted(conduct["played"]):
        a, b = max(a, reached), min(b, end)
        if b > a:
            seen, reached = seen + b - a, b
    return seen / (end - start)


def conduct_flags(conduct: dict[str, Any], start: float, end: float, written: int) -> list[Flag]:
    """What the reviewer is told. `start` and `end`: what was to be watched; `written`: characters of the answer."""
    found = []
    share = played_share(conduct, start, end)
    if share < LITTLE_PLAYED:
        found.append(Flag("little played", f"played {share:.0%} of the {end - start:.0f} s to watch"))
    if conduct["seconds"] < LITTLE_TIME * (end - start):
        found.append(Flag("fast", f"answered in {conduct['seconds']:.0f} s, for {end - start:.0f} s of film"))
    if written and conduct["pasted"] >= PASTED * written:
        found.append(Flag("pasted", f"{min(conduct['pasted'] / written, 1):.0%} of the text was pasted"))
    return found


def _number(value: Any, most: int) -> float:
    """Not more than `most`. Raises ValueError or OverflowError for what is no number from 0 on."""
    number = round(float(value), 2)
    if not math.isfinite(number) or number < 0:
        raise ValueError(value)
    return min(number, most)
