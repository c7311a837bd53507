"""Whether subtitles are English, by the share of their words that English cannot do without.

A model that names any language would be a dependency for a question of yes or no; on the narration of films the share
leaves no doubt: above a quarter in English, a few hundredths in its neighbours (docs/subtitles.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ENGLISH_FROM = 0.12  # share of function words from which sentences are English
FEWEST_WORDS = 20  # below, nothing is claimed

# Frequent in speech, and (unlike in, is, was, of, so, for, at, I, a) no frequent word of another large language.
_FUNCTION_WORDS = """
the and you that it's it to this what with your are have not be they he she his my i'm don't but can just from
there if when how all would their been who about which them know going gonna here that's you're we're because then
these those into our up out get like well really
"""
_ENGLISH = frozenset(_FUNCTION_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def english_share(texts: Iterable[str]) -> float | None:
    """Share of function words of English among all words, 0 to 1; None where there are too few to tell."""
    found = [word.replace("’", "'") for text in texts for word in _WORD.findall(text.casefold())]
    if len(found) < FEWEST_WORDS:
        return _share_of_script(found)
    return sum(word in _ENGLISH for word in found) / len(found)


def _share_of_script(found: list[str]) -> float | None:
    """0.0 for a text that another script writes, also one without blanks between its words; else None."""
    letters = [letter for word in found for letter in word]
    latin = sum(letter < "ɐ" for letter in letters)
    return 0.0 if len(letters) >= FEWEST_WORDS and latin * 2 < len(letters) else None
