"""What a text must be like before it may enter the data: the same rules for forms, imports and collected answers.

The numbers lie in `text_rules.json`, which the worker's page reads, too (static/annotation/text_rules.js says the same
in its language; both are held to tests/annotation/review/text_rules_cases.json).
"""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

RULES: dict[str, Any] = json.loads(Path(__file__).with_name("text_rules.json").read_text())

QUERY_WORDS: tuple[int, int] = tuple(RULES["query_words"])
MIN_SEGMENT_S: float = RULES["least_segment_s"]
USUAL_SEGMENT_S: tuple[float, float] = tuple(RULES["usual_segment_s"])
MAX_TEXT: int = RULES["most_characters"]

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}
_WORD = re.compile(r"\S*\w\S*")


def normalise(text: str) -> str:
    """NFC, no control or bidi characters, single blanks: what is stored and hashed."""
    text = unicodedata.normalize("NFC", text)
    kept = (c if c.isspace() or unicodedata.category(c) not in _INVISIBLE else "" for c in text)
    # Again: a letter and its accent may have stood apart.
    return unicodedata.normalize("NFC", " ".join("".join(kept).split()))


def words(text: str) -> list[str]:
    """Tokens that hold a letter or a digit."""
    return _WORD.findall(text)
