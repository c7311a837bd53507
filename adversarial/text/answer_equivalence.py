"""The value guard: do two answers say the same, whatever their wording?

Sentence embeddings put "1" beside "2" and "2 childrens" away from "there are 2". The guard reads what decides:
numbers in words and digits, colours, where something is, yes or no, negation, containment, inflection.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from fractions import Fraction

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
    RELATIONS,
    WIDTH,
    compare,
)
from adversarial.text import lexicon

_MOST_DIGITS = 30  # a longer run of digits is a code and no quantity
_TOKEN = re.compile(
    r"(?<![\w)])[-\u2212]?\d+(?:[.,]\d+)*(?:/\d+)?|\d+(?:[.,]\d+)*(?:/\d+)?|[^\W\d_]+|%|[\u00bc-\u00be]"
)
_NUMBER_ASKED = re.compile(
    r"\bhow (?:many|much|long|old|often|far|tall|big)\b|\bnumber of\b|\bwhat number\b",
)
_ORDINAL_SUFFIX = ("st", "nd", "rd", "th")
_PRONOUN_BEFORE_ONE = {"the", "this", "that", "which", "each", "every", "some", "any", "another", "other"}
_COLOUR_BIT = {colour: 1 << bit for bit, colour in enumerate(lexicon.COLOURS)}
_RELATION_BIT = {name: 1 << bit for bit, name in enumerate(sorted(set(lexicon.RELATIONS.values())))}


def compare_texts(first: str, second: str) -> int:
    """SAME, DIFFERENT or UNKNOWN (then the cosine decides); symmetric."""
    return int(compare(_profile(first), _profile(second)))


def profiles(texts: Sequence[str]) -> NDArray[np.int64]:
    """What the guard knows of each text, [len(texts), WIDTH]."""
    known = {text: _profile(text) for text in set(texts)}
    return np.stack([known[text] for text in texts]) if texts else np.zeros((0, WIDTH), np.int64)


def _profile(text: str) -> NDArray[np.int64]:
    row = np.zeros(WIDTH, np.int64)
    tokens = _tokens(text)
    numbers, rest = _numbers(tokens)
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
        colour = lexicon.COLOUR_ALIASES.get(token, token)
        if colour in _COLOUR_BIT:
            row[COLOURS] |= _COLOUR_BIT[colour]
        elif token in lexicon.RELATIONS:
            row[RELATIONS] |= _RELATION_BIT[lexicon.RELATIONS[token]]
        elif token not in lexicon.FILLER:
            content.add(_code(stem(token)))
    if row[POLARITY] == 2:
        row[NEGATED] = 0
    kept_numbers = sorted(numbers)[:MAX_NUMBERS]
    kept_content = sorted(content)[:MAX_CONTENT]
    meant = sorted(content.union(*(_WIDER.get(code, ()) for code in content)))[:MAX_MEANT]
    if not (kept_numbers or kept_content or row[:4].any()):  # only filler: the words themselves are the value
        kept_content = sorted({_code(token) for token in tokens})[:MAX_CONTENT]
        meant = kept_content
    row[NUMBERS_LEN], row[CONTENT_LEN], row[MEANT_LEN] = len(kept_numbers), len(kept_content), len(meant)
    row[NUMBERS : NUMBERS + len(kept_numbers)] = kept_numbers
    row[CONTENT : CONTENT + len(kept_content)] = kept_content
    row[MEANT : MEANT + len(meant)] = meant
    return row


def _tokens(text: str) -> list[str]:
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


def _number_code(value: Fraction, ordinal: bool) -> int:
    return _code(f"{'#' if ordinal else ''}{value.numerator}/{value.denominator}")


def _numbers(tokens: Sequence[str]) -> tuple[set[int], list[str]]:
    """The values said, as codes, and the tokens that are no numbers."""
    found: set[int] = set()
    rest: list[str] = []
    position = 0
    while position < len(tokens):
        value, length, ordinal = _number_at(tokens, position)
        if value is None:
            rest.append(tokens[position])
            position += 1
        else:
            found.add(_number_code(value, ordinal))
            position += length
    return found, rest


def _number_at(tokens: Sequence[str], start: int) -> tuple[Fraction | None, int, bool]:
    """The number that begins at ``start``: (value, tokens it takes, whether it is an ordinal)."""
    total, current, position, said = Fraction(0), Fraction(0), start, False
    while position < len(tokens):
        word = tokens[position]
        following = tokens[position + 1] if position + 1 < len(tokens) else ""
        if word[-1].isdecimal() and len(word) <= _MOST_DIGITS:
            if said and current and "/" not in word:
                break
            current += _digits(word)
            if following in _ORDINAL_SUFFIX and not said:
                return current, 2, True
        elif word in lexicon.UNITS:
            if word == "one" and not said and _is_pronoun(tokens, position):
                break
            if current % 10 or (said and current and current < 20):
                break
            current += lexicon.UNITS[word]
        elif word in lexicon.TENS:
            if current % 100:
                break
            current += lexicon.TENS[word]
        elif word in lexicon.SCALES and (said or tokens[max(0, position - 1)] in ("a", "an")):
            if total + current >= 10**_MOST_DIGITS:
                break
            current = max(current, Fraction(1)) * lexicon.SCALES[word]
            if lexicon.SCALES[word] >= 1000:
                total, current = total + current, Fraction(0)
        elif word == "dozen" and said:
            current *= 12
        elif word in lexicon.FRACTIONS and not (word == "quarter" and following == "s"):
            current += Fraction(lexicon.FRACTIONS[word])
        elif word == "and" and said and (skipped := _skipped(tokens, position, current)):
            position += skipped
            continue
        elif word in lexicon.COUNTS and not said:
            return Fraction(lexicon.COUNTS[word]), 1, False
        elif word in lexicon.ORDINALS and not said and not _is_moment(tokens, position):
            return Fraction(lexicon.ORDINALS[word]), 1, True
        else:
            break
        said = True
        position += 1
    return (total + current, position - start, False) if said else (None, 1, False)


def _skipped(tokens: Sequence[str], position: int, current: Fraction) -> int:
    """How many words from "and" on stand between two pieces of one number, as in "one and a half"; else 0."""
    length = 2 if tokens[position + 1 : position + 2] in (["a"], ["an"]) else 1
    ahead = tokens[position + length] if position + length < len(tokens) else ""
    if ahead in lexicon.FRACTIONS:
        return length
    whole = current >= 100 and current % 100 == 0
    return length if whole and length == 1 and (ahead in lexicon.UNITS or ahead in lexicon.TENS) else 0


def _is_pronoun(tokens: Sequence[str], position: int) -> bool:
    """ "the red one" counts nothing, "one" and "one bowl" do."""
    if position == 0:
        return False
    before = tokens[position - 1]
    return before in _PRONOUN_BEFORE_ONE or lexicon.COLOUR_ALIASES.get(before, before) in _COLOUR_BIT


def _is_moment(tokens: Sequence[str], position: int) -> bool:
    """ "a second" and "seconds" are time, "the second" and "second" alone are an ordinal."""
    if tokens[position] != "second":
        return False
    following = tokens[position + 1] if position + 1 < len(tokens) else ""
    return following == "s" or (following == "" and tokens[max(0, position - 1)] not in ("the", "second"))


def _digits(token: str) -> Fraction:
    top, slash, bottom = token.replace(",", ".").replace("\u2212", "-").partition("/")
    head, dot, tail = top.partition(".")
    value = Fraction(f"{head}.{tail.replace('.', '')}" if dot else head)
    return value / Fraction(bottom) if slash and Fraction(bottom) else value


def stem(token: str) -> str:
    """A word without its inflection: plural, -ing, -ed, irregular forms; then one name for a few synonyms."""
    base = lexicon.IRREGULAR.get(token)
    if base is None:
        base = token
        if len(base) > 3 and base.endswith("s") and not base.endswith(("ss", "us", "is")):
            base = _singular(base)
        base = lexicon.IRREGULAR.get(base) or _without_tense(base)
    bare = _bare(base)
    return _SYNONYMS.get(bare, bare)


def _without_tense(word: str) -> str:
    for suffix in ("ing", "ed"):
        root = word.removesuffix(suffix)
        if root != word and len(root) >= 3 and any(letter in "aeiouy" for letter in root):
            doubled = len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz"
            return root[:-1] if doubled else root
    return word


def _bare(word: str) -> str:
    """Without a last e and with y for i, so that "slicing" meets "slice" and "fried" meets "fry"."""
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word[:-1] + "y" if word.endswith("i") else word


_SYNONYMS = {_bare(word): _bare(name) for word, name in lexicon.SYNONYMS.items()}


def _singular(token: str) -> str:
    if token.endswith("ies") and len(token) > 4:
        return token[:-3] + "y"
    if token.endswith(("shes", "ches", "xes", "sses", "zes", "oes")):
        return token[:-2]
    return token[:-1]


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
