"""What a name or a description may hold."""

from __future__ import annotations

import unicodedata

import regex
from django.core.exceptions import ValidationError

# Control, format (RTL marks, zero-width characters), lone surrogates, private and unassigned: none of them shows,
# and some make one name look like another on a board.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}

# Letters, marks and symbols that leave the line as it was: Hangul fillers, the grapheme joiner, an empty Braille cell.
# A variation selector passes behind the symbol or the ideograph whose form it chooses.
_BLANK = regex.compile(
    r"[[\p{Default_Ignorable_Code_Point}--\p{C}]\u2800](?<!(?:[\p{Emoji}--\p{Nd}]|\p{Han})\p{Variation_Selector})",
    regex.VERSION1,
)

# Where UAX 31 (2.3) allows the two joiners, because there they change how a word is written: ZWNJ between letters that
# would join, as Persian has it (A1); ZWNJ and ZWJ behind a virama, as Hindi has them (A2, B).
_VIRAMA = r"\p{Canonical_Combining_Class=Virama}"
_JOINED = regex.compile(
    r"(?<=[\p{Joining_Type=Left_Joining}\p{Joining_Type=Dual_Joining}]\p{Joining_Type=Transparent}*)"
    r"\u200c(?=\p{Joining_Type=Transparent}*[\p{Joining_Type=Right_Joining}\p{Joining_Type=Dual_Joining}])"
    rf"|(?<=\p{{L}}\p{{M}}*{_VIRAMA}\p{{M}}*)[\u200c\u200d]"
)

# Scripts that are written together in one word (UTS 39, 5.1). Every other mixture is how one name is made to look like
# another: a Greek Tau, or a Cyrillic a, in a Latin word.
_TOGETHER = [
    {"Latin"},
    {"Han", "Hiragana", "Katakana", "Latin"},
    {"Han", "Bopomofo", "Latin"},
    {"Han", "Hangul", "Latin"},
]
_COMMON = {"Common", "Inherited"}
_SCRIPTS = [
    "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Syriac", "Thaana", "Devanagari", "Bengali",
    "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Tibetan",
    "Myanmar", "Georgian", "Hangul", "Ethiopic", "Cherokee", "Canadian_Aboriginal", "Khmer", "Mongolian",
    "Hiragana", "Katakana",
    "Bopomofo", "Han", "Yi", "Coptic", "Lisu", "Common", "Inherited",
]  # fmt: skip
_SCRIPT_OF = regex.compile("|".join(rf"(?P<{name}>\p{{Script={name}}})" for name in _SCRIPTS))
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}\u200c\u200d]+")


def plain_text(value: str) -> None:
    """Refuse characters that a reader cannot see, and whatever breaks the line: a name stands in the subject of a mail.

    Joiners pass where their script needs them. Raises ValidationError naming the character and its place.
    """
    _check(value, _INVISIBLE | {"Zl", "Zp"})


def plain_lines(value: str) -> None:
    """The same for a text of several lines, which may be broken and indented. Raises ValidationError."""
    _check(value, _INVISIBLE, allowed="\n\r\t")


def _check(value: str, refused: set[str], allowed: str = "") -> None:
    joiners = {found.start() for found in _JOINED.finditer(value)}
    for place, character in enumerate(value):
        if character in allowed or place in joiners:
            continue
        if unicodedata.category(character) in refused or _BLANK.match(value, place):
            raise ValidationError(
                f"character {place + 1} is U+{ord(character):04X}, which cannot be seen: write plain text",
                code="invisible",
            )


def one_script(value: str) -> None:
    """Refuse a word that mixes scripts, as names do that are made to look like others.

    Raises ValidationError naming the word and its scripts.
    """
    for word in _WORD.findall(value):
        scripts = {_script(character) for character in word} - _COMMON
        if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
            names = " and ".join(sorted(scripts))
            raise ValidationError(f"“{word}” mixes {names} letters: write each word in one script", code="mixed")


def _script(character: str) -> str:
    found = _SCRIPT_OF.match(character)
    return found.lastgroup or "" if found else "another script's"
