"""How texts are folded before they are compared."""

import unicodedata
from functools import lru_cache

import regex

# signs that tell what would else be one text: -5 and 5, F+ and F-, C++ and C#, $5 and 5 %
_WORD = r"\p{L}\p{M}\p{N}_"  # marks are the vowels of Hindi, Tamil or Thai, and no part of \w in `re`
_SIGNED = rf"[%$\u20ac\u00a3]|(?<![{_WORD})])-(?=\p{{Nd}})|(?<=(?<![{_WORD}])\p{{L}})(?:\+{{1,2}}|#|-)(?![{_WORD}-])"
_NOT_WORD = regex.compile(rf"(?:(?!{_SIGNED}|(?<=\+)\+)[^{_WORD}])+")
_BLANK_BEFORE_PERCENT = regex.compile(r"\s+(?=%)")
_UNSEEN = regex.compile(
    r"['\u2019\u200c\u200d\p{Variation_Selector}]"
)  # it's and its; joiners; a heart in red and in black
_WH_WORDS = ("what", "how", "where", "which", "why", "when", "who", "whose", "whom")


@lru_cache(maxsize=1 << 16)  # every model and every attack folds the same texts
def canonical(text: str) -> str:
    """NFKC, case, punctuation and blanks folded: two texts with one canonical form are the same text.

    The task's page says the same (annotation/static/annotation/text_rules.js).
    """
    folded = unicodedata.normalize("NFC", _UNSEEN.sub("", unicodedata.normalize("NFKC", text).casefold()))
    folded = _BLANK_BEFORE_PERCENT.sub("", folded.replace("\u2212", "-"))
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
