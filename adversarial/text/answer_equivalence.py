"""Do two answers say the same, whatever their wording? The filter against false negatives; English only.

Sentence embeddings put "1" beside "2" and "2 childrens" away from "there are 2". A profile holds what decides: numbers
in words and digits, colours, where something is, yes or no, negation, containment, inflection.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from adversarial.matching.kernels import (
    ANYTHING,
    COLOUR,
    COLOURS,
    CONTENT,
    CONTENT_LEN,
    MAX_CONTENT,
    MAX_MEANT,
    MAX_NUMBERS,
    MEANT,
    MEANT_LEN,
    NEGATED,
    NUMBER,
    NUMBERS,
    NUMBERS_LEN,
    POLARITY,
    QUANTITY,
    RELATIONS,
    SIGN,
    WIDTH,
    compare,
)
from adversarial.text import lexicon
from adversarial.text.numbers import Number, read_numbers
from adversarial.text.quantities import quantity
from adversarial.text.stemming import stem

_TOKEN = re.compile(
    r"(?<![\w)])[-\u2212]?\d+(?:[.,]\d+)*(?:/\d+)?|\d+(?:[.,]\d+)*(?:/\d+)?|[^\W\d_]+|[%$\u20ac\u00bc-\u00be]"
)
_SIGN = re.compile(r"\b([^\W\d_])(\+{1,2}|#|-|\u2212)(?![\w-])")  # a mark, a language, a key: F+, C++, C#
_NUMBER_ASKED = re.compile(
    r"\bhow (?:many|much|long|old|often|far|tall|big)\b|\bnumber of\b|\bwhat number\b",
)
_COLOUR_BIT = {colour: 1 << bit for bit, colour in enumerate(lexicon.COLOURS)}
_RELATION_BIT = {name: 1 << bit for bit, name in enumerate(sorted(set(lexicon.RELATIONS.values())))}


def compare_texts(first: str, second: str) -> int:
    """SAME, DIFFERENT or UNKNOWN (then the cosine decides); symmetric."""
    return int(compare(np.stack([_profile(first), _profile(second)]), 0, 1))


def profiles(texts: Sequence[str]) -> NDArray[np.int64]:
    """The profile of each text, [len(texts), WIDTH]."""
    return np.stack([_profile(text) for text in texts]) if texts else np.zeros((0, WIDTH), np.int64)


@lru_cache(maxsize=1 << 15)  # the same few answers are asked about many times
def _profile(text: str) -> NDArray[np.int64]:
    """[WIDTH], read-only."""
    row = np.zeros(WIDTH, np.int64)
    said = tokens(text)
    numbers, rest = read_numbers(said)
    content: set[int] = set()
    for position, token in enumerate(rest):
        if position == 0 and token in lexicon.YES:
            row[POLARITY] = 1
            continue
        if position == 0 and token in lexicon.NO and _is_refusal(rest):
            row[POLARITY] = 2
            continue
        if token in lexicon.NEGATIONS:
            row[NEGATED] = 1
            continue
        if token in lexicon.OPPOSITES:
            row[NEGATED] ^= 1
            token = lexicon.OPPOSITES[token]
        colour = lexicon.COLOUR_ALIASES.get(token, token)
        if colour in _COLOUR_BIT:
            row[COLOURS] |= _COLOUR_BIT[colour]
        elif token in lexicon.RELATIONS:
            row[RELATIONS] |= _RELATION_BIT[lexicon.RELATIONS[token]]
        elif token not in lexicon.FILLER:
            content.add(_code(stem(token)))
    if row[POLARITY] == 2:
        row[NEGATED] = 0
    if amount := quantity(text, said):
        row[QUANTITY] = _code(f"{amount.dimension} {amount.value}")
    if sign := _SIGN.search(text.casefold()):
        row[SIGN] = _code("".join(sign.groups()))
    kept_numbers = sorted({_number_code(number) for number in numbers})[:MAX_NUMBERS]
    kept_content = sorted(content)[:MAX_CONTENT]
    meant = sorted(content.union(*(_WIDER.get(code, ()) for code in content)))[:MAX_MEANT]
    if not (kept_numbers or kept_content or row[:4].any()):  # only filler: the words themselves are the value
        kept_content = sorted({_code(token) for token in said})[:MAX_CONTENT]
        meant = kept_content
    row[NUMBERS_LEN], row[CONTENT_LEN], row[MEANT_LEN] = len(kept_numbers), len(kept_content), len(meant)
    row[NUMBERS : NUMBERS + len(kept_numbers)] = kept_numbers
    row[CONTENT : CONTENT + len(kept_content)] = kept_content
    row[MEANT : MEANT + len(meant)] = meant
    row.setflags(write=False)
    return row


def tokens(text: str) -> list[str]:
    """The words, numbers and signs of a text that profiles are made of, in small letters and in order."""
    folded = unicodedata.normalize("NFC", text).casefold().replace("\u2019", "'")
    folded = re.sub(r"\bcan't\b", "can not", folded)
    folded = re.sub(r"n't\b", " not", folded)
    folded = re.sub(r"'(s|re|ve|ll|d|m)\b", "", folded).replace("'", "")
    folded = re.sub(r"\bno one\b", "nobody", folded)
    folded = re.sub(r"(?<=\d),(?=\d{3}\b)", "", folded)
    return _TOKEN.findall(folded)


def _is_refusal(rest: Sequence[str]) -> bool:
    """Whether a leading "no" answers the question ("no, she is not") or counts ("no onions")."""
    return len(rest) == 1 or rest[1] in lexicon.FILLER or rest[1] in lexicon.NEGATIONS


def _code(token: str) -> int:
    return zlib.crc32(token.encode()) + 1


def _number_code(number: Number) -> int:
    return _code(f"{'#' if number.ordinal else ''}{number.value.numerator}/{number.value.denominator}")


def asks_for(question: str) -> int:
    """NUMBER, COLOUR or ANYTHING: what makes two answers to this question equal, whatever else they say."""
    asked = question.casefold()
    if _NUMBER_ASKED.search(asked):
        return NUMBER
    return COLOUR if re.search(r"\bcolou?rs?\b", asked) else ANYTHING


def says_number(answer: str) -> bool:
    """Whether an answer holds a number, in digits or in words."""
    return bool(_profile(answer)[NUMBERS_LEN])


def _wider_words() -> dict[int, set[int]]:
    """For every word the wider words that it may go by, as codes."""
    wider: dict[int, set[int]] = {}
    for name, narrower in lexicon.KINDS.items():
        for word in narrower.split():
            wider.setdefault(_code(stem(word)), set()).add(_code(stem(name)))
    return wider


_WIDER = _wider_words()
