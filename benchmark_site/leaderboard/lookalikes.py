"""Names that a reader takes for the same: skeletons in the sense of UTS 39, 4.

Of Unicode's table `confusables.txt` those lines are kept that end in a letter, digit or sign of ASCII and begin with a
letter of a living script: with another letter nobody writes a name of ours, and NFKC has dealt with the other forms.
"""

from __future__ import annotations

import unicodedata

# What looks like the letter on the left, in scripts of their own: Greek, Cyrillic, Armenian, Georgian, Cherokee, and
# letters that Latin has for its phonetics.
_FOREIGN = {
    "A": "ΑАᎪ", "B": "ΒВᏴ", "C": "СᏟ", "D": "Ꭰ", "E": "ΕЕᎬ", "F": "Ϝ", "G": "ԌᏀᏳ", "H": "ΗНᎻ", "I": "ΙІӀƖǀ",
    "J": "ͿЈᎫ", "K": "ΚКᏦ", "L": "Ꮮ", "M": "ΜϺМᎷ", "N": "Ν", "O": "ΟОՕ", "P": "ΡРᏢ", "R": "ᎡᏒƦ", "S": "ЅՏᏕᏚ",
    "T": "ΤТᎢ", "U": "Ս", "V": "ѴᏙ", "W": "ԜᎳᏔ", "X": "ΧХ", "Y": "ΥУҮᎩᎽ", "Z": "ΖᏃ",
    "a": "αаɑ", "b": "ЬᏏƄ", "c": "сᴄ", "d": "ԁᏧ", "e": "еҽ", "f": "ք", "g": "ցƍ", "h": "һհᏂ", "i": "ιіꙇӏᎥıɩɪ",
    "j": "ϳј", "n": "ոռ", "o": "οσоօჿᴏ", "p": "ρр", "q": "ԛգզ", "r": "гᴦ", "s": "ѕꜱ", "u": "υսᴜʋ", "v": "νѵᴠ",
    "w": "ѡԝաᴡɯ", "x": "х", "y": "γуүყɣʏ", "z": "ᴢ",
    "3": "ЗӠƷȜ", "4": "Ꮞ", "6": "бᏮ", "2": "Ƨ", "5": "Ƽ", "8": "ȣȢ",
    "-": "‐‑‒–−", "'": "‘’ʻʼʽʹˈ`", "lO": "Ю", "bI": "Ы", "ae": "ӕ", "AE": "Ӕ",
}  # fmt: skip
# What looks alike inside Latin.
_LATIN = {"l": "I1|", "O": "0", "rn": "m", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ"}

_OF_FOREIGN, _OF_LATIN = (
    str.maketrans({letter: prototype for prototype, letters in table.items() for letter in letters})
    for table in (_FOREIGN, _LATIN)
)


def look_alike(one: str, other: str) -> bool:
    """Whether a reader takes two names for the same, in one case or another.

    Two ways to look at them: as they are written, where AI is Al; and without regard to case, where only letters of
    other scripts are taken for Latin ones, so that AI LAB and AL LAB stay two.
    """
    return skeleton(one) == skeleton(other) or _caseless(one) == _caseless(other)


def skeleton(name: str) -> str:
    """Equal for names that look the same as they are written."""
    return _latin(name).translate(_OF_LATIN)


def _caseless(name: str) -> str:
    return _latin(name).casefold()


def _latin(name: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFKD", name).translate(_OF_FOREIGN))
