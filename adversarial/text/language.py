"""Whether questions are in English, which types, habits and answer equivalence read."""

from collections.abc import Sequence

from adversarial.text import lexicon
from adversarial.text.normalise import words

# those that other languages write as well, letter by letter
_SHARED = {
    "a",
    "d",
    "he",
    "is",
    "m",
    "me",
    "or",
    "s",
    "so",
    "was",
    "will",
    "do",
    "had",
    "her",
    "hers",
    "his",
    "at",
    "as",
}
_QUESTION_WORDS = {"what", "how", "where", "which", "why", "when", "whose", "whom"}
_ENGLISH = (lexicon.FILLER | lexicon.AUXILIARY | _QUESTION_WORDS) - _SHARED
FEWEST = 0.5  # share of English questions below which the work is said to be degraded


def english_share(questions: Sequence[str]) -> float:
    """How many of the questions have a word that English alone writes so: an article, an auxiliary, a question word."""
    return sum(not _ENGLISH.isdisjoint(words(question)) for question in questions) / max(1, len(questions))
