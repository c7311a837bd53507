"""How texts are folded before they are compared."""

import re
import unicodedata

_NOT_WORD = re.compile(r"[^\w]+", re.UNICODE)
_WH_WORDS = ("what", "how", "where", "which", "why", "when", "who", "whose", "whom")


def canonical(text: str) -> str:
    """NFKC, case, punctuation and blanks folded: two texts with one canonical form are the same text."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("\u2019", "")
    plain = _NOT_WORD.sub(" ", folded).strip()
    return plain or folded.strip()


def words(text: str) -> list[str]:
    """The canonical words of a text, in order."""
    return canonical(text).split()


def question_type(question: str) -> str:
    """The question's kind: its first wh word and, after ``how`` and ``what``, the word that follows it.

    ``how many``, ``what color``, ``where``, …; ``other`` where no wh word stands.
    """
    tokens = words(question)
    for position, word in enumerate(tokens):
        if word not in _WH_WORDS:
            continue
        following = tokens[position + 1] if position + 1 < len(tokens) else ""
        if word == "how":
            return f"how {following}" if following in ("many", "much", "long", "old", "often") else "how"
        if word in ("what", "which"):
            if following in ("color", "colour", "colors", "colours"):
                return "what color"
            return f"what {following}" if following in ("kind", "type", "time") else word
        return word
    return "other"
