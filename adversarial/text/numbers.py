"""The numbers that a text says, in words and in digits: "two dozen", "one and a half", "3rd", "1,200"."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from adversarial.text import lexicon

_MOST_DIGITS = 30  # a longer run of digits is a code and no quantity
_ORDINAL_SUFFIX = ("st", "nd", "rd", "th")
_PRONOUN_BEFORE_ONE = {"the", "this", "that", "which", "each", "every", "some", "any", "another", "other"}


class Number(NamedTuple):
    """A value said, as a count ("three") or as a place in an order ("third")."""

    value: Fraction
    ordinal: bool


def read_numbers(tokens: Sequence[str]) -> tuple[set[Number], list[str]]:
    """The numbers said, and the tokens that belong to none; the tokens are in small letters."""
    found: set[Number] = set()
    rest: list[str] = []
    position = 0
    while position < len(tokens):
        value, length, ordinal = number_at(tokens, position)
        if value is None:
            rest.append(tokens[position])
            position += 1
        else:
            found.add(Number(value, ordinal))
            position += length
    return found, rest


def number_at(tokens: Sequence[str], start: int) -> tuple[Fraction | None, int, bool]:
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
    return before in _PRONOUN_BEFORE_ONE or lexicon.COLOUR_ALIASES.get(before, before) in lexicon.COLOURS


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
