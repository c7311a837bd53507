"""Whether the times of subtitles can be those of a film: seconds, not milliseconds or frames, and inside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from annotation.media.subtitles.cues import MAX_TIME_S, Cue, Problem, SubtitleError

ROUNDING_S = 0.5  # by so much a last cue may outlast the film without a word about it
MOST_WORDS_PER_S = 20.0  # twice what the fastest speakers reach
FEWEST_WORDS = 20  # below, a rate tells nothing
USUAL_CUE_S = (0.3, 20.0)  # what the middle one of a film's cues lasts
USUAL_RATES = (24.0, 25.0, 30.0, 50.0, 60.0)


def fit_film(cues: Sequence[Cue], duration: float | None, fps: float | None = None) -> tuple[list[Cue], list[Problem]]:
    """The cues inside a film of `duration` seconds (None: not known yet), and those left out or cut.

    Raises SubtitleError where the times as a whole are not seconds of this film; it names the unit where one fits.
    """
    _refuse_too_dense(cues)
    limit = MAX_TIME_S if duration is None else duration
    outside = [cue for cue in cues if _is_outside(cue, limit)]
    unit = _unit(cues, limit, fps) if len(outside) * 2 >= len(cues) else ""
    if unit or len(outside) * 2 > len(cues):
        raise SubtitleError(_why_outside(cues, outside, limit, unit))
    problems = [Problem(cue.where, f"lies outside the film: {_times(cue)}, it has {limit:g} s") for cue in outside]
    kept = []
    for cue in cues:
        if _is_outside(cue, limit):
            continue
        if cue.end > limit + ROUNDING_S:
            problems.append(Problem(cue.where, f"cut at the film's end, {limit:g} s: {_times(cue)}"))
        kept.append(replace(cue, end=min(cue.end, round(limit, 3))))
    return kept, problems


def _is_outside(cue: Cue, duration: float) -> bool:
    """A cue longer than the film is none of it either, wherever it begins: 0 to 2,500 s of a minute."""
    return cue.start >= round(duration, 3) or cue.end - cue.start > duration + ROUNDING_S


def _why_outside(cues: Sequence[Cue], outside: Sequence[Cue], duration: float, unit: str) -> str:
    first = outside[0]
    place = f"{first.where}: " if first.where else ""
    told = f"{place}{len(outside)} of {len(cues)} cues lie outside the film of {duration:g} s, first {_times(first)}"
    return f"{told}; the times look like {unit}, expected seconds" if unit else f"{told}; are they of another film?"


def _unit(cues: Sequence[Cue], duration: float, fps: float | None) -> str:
    """What the times count if it is not seconds: of the units that end inside the film, the one that fills it most.

    Subtitles of a longer film may fit as frames, too, but then a sentence would last a twentieth of a second.
    """
    if not cues:
        return ""
    last, usual = max(cue.end for cue in cues), median(cue.end - cue.start for cue in cues)
    units = [(1000.0, "milliseconds"), *((rate, f"frames ({rate:g} a second)") for rate in _rates(fps))]
    shortest, longest = USUAL_CUE_S
    fitting = [
        (last / per_second, name)
        for per_second, name in units
        if last / per_second <= duration * 1.05 and shortest <= usual / per_second <= longest
    ]
    return max(fitting)[1] if fitting else ""


def _rates(fps: float | None) -> tuple[float, ...]:
    return (fps,) if fps else USUAL_RATES


def _refuse_too_dense(cues: Sequence[Cue]) -> None:
    """Seconds written where milliseconds are read put a whole film into an instant."""
    if not cues:
        return
    words = sum(len(cue.text.split()) for cue in cues)
    span = max(cue.end for cue in cues) - min(cue.start for cue in cues)
    if words >= FEWEST_WORDS and words > span * MOST_WORDS_PER_S:
        raise SubtitleError(f"{words} words within {span:g} s: nobody speaks so fast, are the times seconds?")


def _times(cue: Cue) -> str:
    return f"{cue.start:g} to {cue.end:g} s"
