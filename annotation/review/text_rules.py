"""What a text must be like before it may enter the data: the same rules for forms, imports and collected answers."""

from __future__ import annotations

import re
import unicodedata

QUERY_WORDS = (8, 20)
MIN_SEGMENT_S = 2.0
USUAL_SEGMENT_S = (2.0, 30.0)
MAX_TEXT = 500

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_WORD = re.compile(r"\S*\w\S*")


def normalise(text: str) -> str:
    """NFC, no control or bidi characters, single blanks: what is stored and hashed."""
    text = unicodedata.normalize("NFC", text)
    kept = (c if c.isspace() or unicodedata.category(c) not in _INVISIBLE else "" for c in text)
    return " ".join("".join(kept).split())


def words(text: str) -> list[str]:
    """Tokens that hold a letter or a digit."""
    return _WORD.findall(text)


def fold(text: str) -> str:
    """What two texts share when a reader would call them the same: case and punctuation dropped."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w\s]", " ", text).split())
