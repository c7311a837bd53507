"""What is read from a subtitle file: sentences with times, and what was wrong with the others. Times in seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_TIME_S = 86_400.0  # a sentence beyond a day is in another unit
MAX_CUES = 100_000  # of one film
MAX_TEXT = 2_000  # characters of one cue; more is no sentence but a file that was read wrongly


class SubtitleError(ValueError):
    """The file cannot be used as subtitles; the message names it and the reason."""


@dataclass(frozen=True)
class Cue:
    """A sentence from `start` to `end` seconds; `where` is its place in the file."""

    start: float
    end: float
    text: str
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Problem:
    """A cue that was left out or changed: its place in the file and why."""

    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason


@dataclass(frozen=True)
class Shown:
    """A cue as the screen shows it, lines apart; `timed`: its words have times of their own (speech recognition)."""

    where: str
    start: float
    end: float
    lines: tuple[str, ...]
    timed: bool = False

    @property
    def words(self) -> list[str]:
        return " ".join(self.lines).split()


@dataclass(frozen=True)
class Track:
    """The sentences of one film in order of time, and what the file held beside them."""

    cues: tuple[Cue, ...]
    problems: tuple[Problem, ...] = ()
    form: str = ""
    encoding: str = "utf-8"
    automatic: bool = False  # made by speech recognition


@dataclass
class Draft:
    """What a parser has found so far."""

    shown: list[Shown] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    automatic: bool = False

    def refuse(self, where: str, reason: str) -> None:
        """List a cue that is left out or changed."""
        self.problems.append(Problem(where, reason))

    def add(self, where: str, start: float, end: float, lines: Sequence[str], timed: bool = False) -> None:
        """Take a cue of `start` to `end` seconds, or list why not; one without words is passed over.

        Raises SubtitleError beyond MAX_CUES.
        """
        lines = tuple(line for line in lines if line.strip())
        if not lines:
            return
        reason = _unusable(start, end, sum(map(len, lines)))
        if reason:
            self.refuse(where, reason)
            return
        if start < 0:
            self.refuse(where, f"begins at {start:g} s, before the film: cut")
        if len(self.shown) >= MAX_CUES:
            raise SubtitleError(f"{where}: more than {MAX_CUES} cues for one film")
        self.shown.append(Shown(where, max(start, 0.0), end, lines, timed))


def _unusable(start: float, end: float, characters: int) -> str:
    if not (math.isfinite(start) and math.isfinite(end)):
        return f"times are {start:g} and {end:g}, expected finite seconds"
    if end < start:
        return f"ends at {end:g} s, before it begins at {start:g} s"
    if round(max(start, 0.0), 3) >= round(end, 3):
        return f"lasts no time: {start:g} to {end:g} s"
    if characters > MAX_TEXT:
        return f"a text of {characters} characters, at most {MAX_TEXT} are a sentence"
    return ""
