"""What kind of answer a question asks for and an answer is: number, person, place, time, ...; English only.

Coarse on purpose: a lent answer of another kind than the question's is what a reader sees first. Where the words do
not tell, the kind is OBJECT for an answer and ANY for a question. A check that is tighter than people are would give
the right answer away, as the only one of its kind: left out is what fewer than one right answer in twenty is.
"""

import re

from adversarial.matching.kernels import RELUCTANTLY
from adversarial.text import lexicon
from adversarial.text.answer_equivalence import tokens
from adversarial.text.normalise import words
from adversarial.text.numbers import read_numbers

ANY, NUMBER, PERSON, PLACE, TIME, COLOUR, YES_NO, REASON, ACTION, OBJECT, OCCASION, MEASURE, COUNT = range(13)
"""Of answers: NUMBER has no unit, MEASURE one, TIME is a number of hours or days, OCCASION a time without a number. Of
questions: COUNT asks how many, NUMBER how much, TIME how long, OCCASION when, OBJECT what somebody holds or wears."""

_GOES_WITH = {
    ANY: (PERSON, COLOUR, ACTION, OBJECT),
    COUNT: (NUMBER,),
    NUMBER: (NUMBER, MEASURE, TIME),
    PERSON: (PERSON, OBJECT),
    PLACE: (PLACE, OBJECT),
    TIME: (TIME, OCCASION, NUMBER, MEASURE),
    OCCASION: (TIME, OCCASION, ACTION, PERSON, OBJECT),
    COLOUR: (COLOUR,),
    YES_NO: (YES_NO,),
    REASON: (REASON, ACTION, OBJECT),
    ACTION: (ACTION, PERSON, OBJECT),
    OBJECT: (COLOUR, OBJECT),
}
_MAY_GO_WITH = {  # beside OBJECT, which the words of many an answer do not go beyond
    ANY: (NUMBER, MEASURE, PERSON, PLACE, TIME, OCCASION, COLOUR, ACTION, OBJECT),
    COUNT: (NUMBER, OBJECT),
    NUMBER: (NUMBER, MEASURE, TIME, OBJECT),
    TIME: (TIME, OCCASION, NUMBER, MEASURE, OBJECT),
    COLOUR: (COLOUR, OBJECT),
    YES_NO: (YES_NO, OBJECT),
    OBJECT: (COLOUR, ACTION, PERSON, OBJECT),
}

_DURATION = re.compile(r"\bhow (?:long|often|old)\b|\b(?:what|which) (?:time|year|day|month|season|date)\b")
_QUANTITY = re.compile(
    r"\bhow ?(?:many|may|much|far|tall|big|deep|thick|hot|high|wide|heavy)\b"
    r"|\bnumber of\b|\b(?:what|which)(?: is)?(?: the)? (?:\w+ )?(?:number|size|price|temperature)\b"
)
_COUNT = re.compile(r"\bhow ?(?:many|may)\b")
_WHERE = re.compile(r"\b(?:what|which) (?:room|place|city|country|building|shop|store|street|town)\b")
_HELD = re.compile(r"\bwhat (?:is|are|was|were|does|do|did|has|object)\b.*\b(?:holding|hold|wearing|wear)\b")
_DEED = re.compile(r"\bwhat (?:is|are|was|were|does|do|did|will|has|should|can)\b.*\b(?:doing|do|done|happen\w*)\b")

_DEEDS = {"making", "taking", "writing", "driving", "giving"}  # that the lexicon of irregular words has, too
_NO_DEED = {*lexicon.IRREGULAR, "thing", "nothing", "something", "anything", "everything"} - _DEEDS


def asked_kind(question: str) -> int:
    """The kind that a question asks for, ANY where its words do not tell."""
    text = " ".join(words(question))
    said = text.split() or [""]
    wh = next((word for word in said if word in ("what", "how", "where", "which", "why", "when", "who", "whose")), "")
    if re.search(r"\bcolou?rs?\b", text):
        return COLOUR
    if _DURATION.search(text):
        return TIME
    if _COUNT.search(text) and lexicon.MEASURES.isdisjoint({*said} - {"may"}):  # "how may plates"
        return COUNT
    if _QUANTITY.search(text):
        return NUMBER
    if _WHERE.search(text):
        return PLACE
    if wh == "when" and {"what", "how", "which"}.isdisjoint(said):  # else it says when the thing asked for happens
        return OCCASION
    if wh in ("where", "why", "who", "whose"):
        return {"where": PLACE, "why": REASON, "who": PERSON, "whose": PERSON}[wh]
    if said[0] in lexicon.AUXILIARY and " or " not in text:
        return YES_NO
    if _DEED.search(text):
        return ACTION
    return OBJECT if _HELD.search(text) else ANY


def accepted_kinds(question: str) -> int:
    """A bit mask of the kinds of answer that may be lent to a question.

    Those at RELUCTANTLY + kind only where nothing better is left: "1" cannot be lent where "1" is right, and every
    answer that lends has to stand in as many places as the next.
    """
    asked = asked_kind(question)
    reluctantly = set(_MAY_GO_WITH.get(asked, ())) - set(_GOES_WITH[asked])
    return sum(1 << kind for kind in {*_GOES_WITH[asked], *reluctantly}) | sum(
        1 << RELUCTANTLY + kind for kind in reluctantly
    )


def answer_kind(answer: str) -> int:
    """The kind of an answer by its words, OBJECT where nothing else shows."""
    said = tokens(answer) or [""]
    numbers, rest = read_numbers(said)
    if rest and said[0] in ("pair", "nothing", "none", "nobody"):  # "a pair of tongs" counts nothing, "a pair" does
        numbers = set()
    found = set(said)
    if said[0] in lexicon.YES | lexicon.NO:
        return YES_NO
    if said[0] in ("because", "so", "since") or said[:2] == ["due", "to"] or said[:3] == ["in", "order", "to"]:
        return REASON
    if found & lexicon.TIMES and numbers:
        return TIME
    if said[-1] in lexicon.TIMES and len(said) <= 4:  # "a Christmas tree" is none
        return OCCASION
    if numbers and (len(rest) <= 2 or found & lexicon.MEASURES):
        return MEASURE if found & lexicon.MEASURES else NUMBER
    if _is_deed(said[0]):
        return ACTION
    if found & set(lexicon.COLOURS) or found & lexicon.COLOUR_ALIASES.keys():
        return COLOUR if len(said) <= 4 else OBJECT
    if said[0] == "to":
        return REASON
    if said[0] in lexicon.PLACE_WORDS or (found & lexicon.PLACES and len(said) <= 3):
        return PLACE
    if any(map(_is_deed, said[:3])):
        return ACTION
    return PERSON if found & lexicon.PEOPLE and len(said) <= 5 else OBJECT


def _is_deed(word: str) -> bool:
    return word.endswith("ing") and len(word) > 4 and word not in _NO_DEED
