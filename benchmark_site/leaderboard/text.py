"""What a name or a description may hold."""

from __future__ import annotations

import unicodedata

from django.core.exceptions import ValidationError

# Control, format (RTL marks, zero-width characters), lone surrogates, private and unassigned: none of them shows,
# and some make one name look like another on a board.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}


def plain_text(value: str) -> None:
    """Refuse characters that a reader cannot see; line breaks and tabs pass (a CharField's form strips them).

    Raises ValidationError naming the character and its place.
    """
    for place, character in enumerate(value, start=1):
        if character in "\n\r\t":
            continue
        if unicodedata.category(character) in _INVISIBLE:
            raise ValidationError(
                f"character {place} is U+{ord(character):04X}, which cannot be seen: write plain text", code="invisible"
            )
