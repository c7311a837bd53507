"""Rolling captions: the screen keeps the last line while the next is spoken, so every word stands in two or three cues.

YouTube's automatic captions, of which HowTo100M is made, are such files: a phrase is shown as it is spoken, again for
10 ms, and again as the upper line of the next cue. Joined, each phrase has the times of the cue that brought it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from annotation.media.subtitles.cues import Shown

TOUCHING_S = 0.1  # a line that is still on the screen comes without a longer gap
FLASH_S = 0.05  # nobody reads a cue that short: it is a step of the scroll
MOST_LINES = 10
LONGEST_OVERLAP = 60  # words
SPOKEN_TWICE = 3  # words; so many the same are seldom spoken twice without a pause
_SURE = 2


def join_rolling(shown: Sequence[Shown]) -> list[Shown]:
    """Each word once where cues repeat what is still on the screen; other files as they are."""
    pairs = [(one, other) for one, other in pairwise(shown) if other.start - one.end <= TOUCHING_S]
    by_line = [_evidence(one, other, _kept_lines(one, other)) for one, other in pairs]
    by_word = [_evidence(one, other, _kept_words(one, other)) for one, other in pairs]
    if _is_rolling(by_line):
        return _join(shown, words=False)
    return _join(shown, words=True) if _is_rolling(by_word) else list(shown)


def _is_rolling(evidence: Sequence[int]) -> bool:
    """Repeats in at least half of the cues that touch: people repeat themselves, but not all the time."""
    return sum(evidence) >= _SURE and sum(map(bool, evidence)) * 2 >= len(evidence)


def _evidence(one: Shown, other: Shown, kept: int) -> int:
    """0: nothing repeated; 1: a repeat that might be spoken; 2: one that only a scrolling screen makes."""
    if not kept:
        return 0
    if _is_flash(one, other) or one.timed or other.timed or kept >= SPOKEN_TWICE:
        return _SURE
    return 1 if kept > 1 or kept == len(one.words) else 0


def _join(shown: Sequence[Shown], words: bool) -> list[Shown]:
    joined = list(shown[:1])
    for one, other in pairwise(shown):
        kept = 0
        if other.start - one.end <= TOUCHING_S:
            kept = _kept_lines(one, other) or (_kept_words(one, other) if words else 0)
        fresh = other.words[kept:]
        if fresh:
            joined.append(replace(other, lines=(" ".join(fresh),)) if kept else other)
        elif one.lines == other.lines and not _is_flash(one, other):  # a converter cut one sentence into several cues
            joined[-1] = replace(joined[-1], end=max(joined[-1].end, other.end))
    return joined


def _is_flash(one: Shown, other: Shown) -> bool:
    return min(one.end - one.start, other.end - other.start) <= FLASH_S


def _kept_lines(one: Shown, other: Shown) -> int:
    """Words at the start of `other` that are whole last lines of `one`."""
    before, after = one.words, other.words
    sizes = accumulate(len(line.split()) for line in reversed(one.lines[-MOST_LINES:]))
    fitting = [size for size in sizes if size <= len(after) and before[-size:] == after[:size]]
    return max(fitting, default=0)


def _kept_words(one: Shown, other: Shown) -> int:
    """Words at the start of `other` that are the last ones of `one`."""
    before, after = one.words[-LONGEST_OVERLAP:], other.words[:LONGEST_OVERLAP]
    sizes = range(min(len(before), len(after)), 0, -1)
    return next((size for size in sizes if before[-size:] == after[:size]), 0)
