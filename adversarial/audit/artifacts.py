"""Annotation artifacts (Gururangan et al. 2018): what one-line rules find, and options that may be right after all."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from adversarial.data.options import origins_of
from adversarial.data.schema import Item
from adversarial.matching.kernels import SAME, UNKNOWN
from adversarial.text import answer_equivalence, lexicon
from adversarial.text.normalise import canonical, question_type, words

_SUSPECT_SIMILARITY = 0.8  # P_sim from which a matched answer is shown to a person
_SUSPECT_OVERLAP = 0.6  # share of common words from which a written one is


def artifact_accuracies(items: Sequence[Item]) -> dict[str, float]:
    """How often each rule finds the right option, ties shared; chance where the rule says nothing."""
    frequency = Counter(canonical(answer) for item in items for answer in item.answers)
    rules: dict[str, Callable[[Item, str], float]] = {
        "longest": lambda item, answer: len(answer),
        "shortest": lambda item, answer: -len(answer),
        "most_frequent": lambda item, answer: frequency[canonical(answer)],
        "rarest": lambda item, answer: -frequency[canonical(answer)],
        "shares_words_with_question": lambda item, answer: len(set(words(item.question)) & set(words(answer))),
        "type_fits_question": lambda item, answer: fits(item.question, answer),
        "most_like_the_other_options": _likeness,
    }
    return {name: float(np.mean([_credit(item, rule) for item in items])) for name, rule in rules.items()}


def _credit(item: Item, rule: Callable[[Item, str], float]) -> float:
    scores = [rule(item, answer) for answer in item.answers]
    top = max(scores)
    return (scores[item.answer_idx] == top) / scores.count(top)


def _likeness(item: Item, answer: str) -> float:
    own = set(words(answer))
    return sum(len(own & set(words(other))) / len(own | set(words(other))) for other in item.answers)


def fits(question: str, answer: str) -> bool:
    """Whether an answer is of the kind the question asks for; True where the question's kind is not known."""
    said = set(words(answer))
    kind = question_type(question)
    if kind in ("how many", "how much", "how old"):
        return answer_equivalence.says_number(answer)
    if kind == "what color":
        return bool(said & set(lexicon.COLOURS) or said & lexicon.COLOUR_ALIASES.keys())
    first = (words(question) or [""])[0]
    if first in ("is", "are", "was", "were", "does", "do", "did", "has", "have", "can"):
        return bool(said & (lexicon.YES | lexicon.NO))
    return not said <= (lexicon.YES | lexicon.NO)


def suspects(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Wrong options that may be right after all, most suspect first, for a person to look at.

    Each is ``{"qid", "option", "reason", "score"}``: its place among the answers, and how suspect it is, 0.6 to 2.
    """
    found = [
        (score, item, option, reason)
        for item in items
        for option, origin in enumerate(origins_of(item))
        if option != item.answer_idx
        for score, reason in _suspicion(item, option, origin.similarity or 0.0)
    ]
    found.sort(key=lambda entry: (-entry[0], entry[1].sort_key, entry[2]))
    return [
        {"qid": item.qid, "option": option, "reason": reason, "score": round(score, 4)}
        for score, item, option, reason in found
    ]


def _suspicion(item: Item, option: int, similarity: float) -> Iterator[tuple[float, str]]:
    """(score, reason) where a wrong option may be right."""
    answer = item.answers[option]
    verdict = answer_equivalence.compare_texts(answer, item.correct)
    own, right = set(words(answer)), set(words(item.correct))
    overlap = len(own & right) / max(1, len(own | right))
    if verdict == SAME:
        yield 2.0, "says the same as the right answer, or contains it"
    elif verdict == UNKNOWN and similarity >= _SUSPECT_SIMILARITY:
        yield 1 + similarity, "means nearly the same as the right answer"
    elif verdict == UNKNOWN and overlap >= _SUSPECT_OVERLAP:
        yield overlap, "shares most words with the right answer"
