"""Quantities with their unit, in one unit a dimension: half an hour is 30 minutes, 1 kg is 1000 g, 3 pm is 15:00."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from adversarial.text.numbers import number_at


class Quantity(NamedTuple):
    """So much of a dimension, in its base unit."""

    dimension: str
    value: Fraction


_F = Fraction
_UNITS: dict[str, tuple[str, Fraction]] = {}
for _dimension, _names in {
    "time": {"s sec second": _F(1), "min minute": _F(60), "h hr hour": _F(3600), "day": _F(86_400),
             "week": _F(604_800)},
    "months": {"month": _F(1), "year yr": _F(12)},
    "mass": {"mg milligram": _F(1, 1000), "g gm gram": _F(1), "kg kilo kilogram": _F(1000)},
    "ounces": {"oz ounce": _F(1), "lb pound": _F(16)},
    "length": {"mm millimeter millimetre": _F(1), "cm centimeter centimetre": _F(10), "m meter metre": _F(1000),
               "km kilometer kilometre": _F(1_000_000)},
    "feet": {"inch": _F(1, 12), "foot feet ft": _F(1), "yard": _F(3)},
    "volume": {"ml milliliter millilitre": _F(1), "cl": _F(10), "dl": _F(100), "l liter litre": _F(1000)},
    "spoons": {"tsp teaspoon": _F(1), "tbsp tablespoon": _F(3), "cup": _F(48)},
    "share": {"% percent": _F(1, 100)},
    "dollars": {"$ dollar": _F(1), "cent": _F(1, 100)},
    "euros": {"€ euro": _F(1)},
}.items():  # fmt: skip
    for _words, _size in _names.items():
        _UNITS |= {_form: (_dimension, _size) for _word in _words.split() for _form in (_word, f"{_word}s")}
_UNITS["inches"] = _UNITS["inch"]
_LINKS = ("a", "an", "of", "of a", "of an")
_SHARES = {"half": _F(1, 2), "quarter": _F(1, 4)}
_CLOCK = re.compile(r"\b(\d{1,2})(?:[:.](\d{2}))?\s*([ap])\.?\s?m\b|\b(\d{1,2}):(\d{2})\b", re.IGNORECASE)
_HOURS = {"noon": 12, "midday": 12, "midnight": 0}


def quantity(text: str, tokens: Sequence[str]) -> Quantity | None:
    """What a text says of one dimension, pieces summed ("1 hour 30 minutes"); None for none, or for several.

    ``tokens`` are those of the text, see answer_equivalence.
    """
    if clock := _clock(text, tokens):
        return clock
    found: dict[str, Fraction] = {}
    position = 0
    while position < len(tokens):
        value, length, ordinal = number_at(tokens, position)
        if value is None and tokens[position] in ("a", "an") and _unit(tokens, position + 1)[1] == 1:
            value = Fraction(1)  # "an hour"
        if value is None or ordinal:
            position += 1
            continue
        unit, width = _unit(tokens, position + length)
        if unit is None and position and tokens[position - 1] in ("$", "€"):
            unit = _UNITS[tokens[position - 1]]
        position += length + width
        if unit is not None:
            half = list(tokens[position : position + 3]) == ["and", "a", "half"]
            value, position = value + Fraction(half, 2), position + 3 * half  # "two hours and a half"
            found[unit[0]] = found.get(unit[0], Fraction(0)) + value * unit[1]
    said = [token for token in tokens if token not in ("a", "one", "of", "it")]
    if not found and len(said) == 1 and said[0] in _SHARES:
        return Quantity("share", _SHARES[said[0]])
    return Quantity(*next(iter(found.items()))) if len(found) == 1 else None


def _unit(tokens: Sequence[str], position: int) -> tuple[tuple[str, Fraction] | None, int]:
    """The unit that follows a number, perhaps after "a" or "of an", and how many tokens it takes."""
    for skipped in range(3):
        if skipped and " ".join(tokens[position : position + skipped]) not in _LINKS:
            continue
        name = tokens[position + skipped] if position + skipped < len(tokens) else ""
        if name in _UNITS:
            return _UNITS[name], skipped + 1
    return None, 0


def _clock(text: str, tokens: Sequence[str]) -> Quantity | None:
    """A time of the day, in minutes after midnight."""
    if len(tokens) <= 2 and (named := [_HOURS[token] for token in tokens if token in _HOURS]):
        return Quantity("clock", Fraction(60 * named[0]))
    match = _CLOCK.search(text)
    if match is None:
        return None
    hour, minute, half, plain, after = match.groups()
    if plain:
        return Quantity("clock", Fraction(60 * int(plain) + int(after)))
    late = 12 if half.casefold() == "p" else 0
    return Quantity("clock", Fraction(60 * (int(hour) % 12 + late) + int(minute or 0)))
