"""Coarse traits of questions and answers that go together whatever the topic: kind, length, opening word, style.

Who writes a question also writes its right answer, in one style; and a question of one form wants answers of another.
A lent answer that breaks such a habit is recognised without a thought for the video.
"""

from typing import NamedTuple

from adversarial.text.answer_types import answer_kind, asked_kind
from adversarial.text.normalise import question_type, words

_LONGEST = 7  # words from which on answers are not told apart by length


class QuestionTraits(NamedTuple):
    """What it asks for, its type, its first two words, how it uses capitals and ends."""

    kind: str
    type: str
    opening: str
    style: str


class AnswerTraits(NamedTuple):
    """What it is, its words up to seven, the first of them, how it uses capitals and ends."""

    kind: str
    length: str
    first: str
    style: str


# which trait of a question tells something of which of its answer
HABITS = (("kind", "kind"), ("opening", "kind"), ("type", "length"), ("type", "first"), ("style", "style"))


def question_traits(question: str) -> QuestionTraits:
    end = "?" if question.rstrip().endswith("?") else ""
    opening = " ".join(words(question)[:2])
    return QuestionTraits(str(asked_kind(question)), question_type(question), opening, _capitals(question) + end)


def answer_traits(answer: str) -> AnswerTraits:
    said = words(answer) or [""]
    end = "." if answer.rstrip().endswith(".") else ""
    style = f"{_capitals(answer)}{end}{min(len(said), 3)}"
    return AnswerTraits(str(answer_kind(answer)), str(min(len(said), _LONGEST)), said[0], style)


def _capitals(text: str) -> str:
    letters = [letter for letter in text if letter.isalpha()]
    if letters and all(letter.isupper() for letter in letters):
        return "ALL"
    parts = text.split()
    if len(parts) > 1 and sum(part[:1].isupper() for part in parts) >= 0.6 * len(parts):
        return "Each"
    return "First" if text[:1].isupper() else "none"
