"""Where an imported row belongs: which film, and which window of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from annotation.media.import_list import LONGEST_ID, id_with_hash
from annotation.review.text.text_rules import normalise
from evaluation.forms.records import Record, RowFault

OVER_S = 0.05  # what a file's duration may differ from its window, and a clip from its film
_WINDOW = re.compile(r"(?P<film>.+)_(?P<start>\d+(?:\.\d+)?)_(?P<end>\d+(?:\.\d+)?)", re.ASCII)
_ID = re.compile(rf"[\w-]{{1,{LONGEST_ID}}}")
LONGEST_TITLE = 200


@dataclass(frozen=True)
class Place:
    """A window of a film, in seconds; `film` is its id here, `title` the name it came with, where that is another."""

    film: str
    title: str
    start: float
    end: float


def place_of(record: Record, durations: Mapping[str, float]) -> Place:
    """The clip of a record: what its video's name says, `{film}_{start}_{end}`, or else the whole video.

    `durations` are seconds by name, of videos about which the file itself says none. Raises RowFault.
    """
    name = record.video
    if name is None:
        raise RowFault("video", "is not named: its truth is withheld, or in another file")
    duration = record.duration if record.duration is not None else durations.get(name)
    window = _WINDOW.fullmatch(name)
    if window:
        start, end = float(window["start"]), float(window["end"])
        if start < end < math.inf and (duration is None or duration <= end - start + OVER_S):
            return Place(*_film(window["film"]), start, end)
    if duration is None:
        raise RowFault("duration", f"of {name!r} is not known: give its video index, or take the film in first")
    if not 0 < round(duration, 3) < math.inf:
        raise RowFault("duration", f"of {name!r} is {duration:g} s, expected a millisecond or more")
    return Place(*_film(name), 0.0, round(duration, 3))


def _film(name: str) -> tuple[str, str]:
    """(id, title): a name that is no id here becomes one, with a part of its hash so that two never meet."""
    if _ID.fullmatch(name):
        return name, ""
    return id_with_hash(name), normalise(name)[:LONGEST_TITLE]
