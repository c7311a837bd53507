"""Names and words as disks and tables bring them: what no database takes, and how it is told all the same."""

from __future__ import annotations

import re

from django.core.management.base import OutputWrapper

_UNSTORABLE = re.compile(r"[\0\ud800-\udfff]")  # bytes of a name that are no UTF-8 are surrogates in Python


def unstorable(text: str) -> str:
    """What is wrong with a text that cannot be stored: its first such character and what was expected; else empty."""
    found = _UNSTORABLE.search(text)
    return f"{found[0]!r} cannot be stored, text in UTF-8 without zero bytes was expected" if found else ""


def escaped(text: str, encoding: str = "utf-8") -> str:
    """The text as it can be written in this encoding: characters that it lacks by their numbers."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def tell(out: OutputWrapper, line: str) -> None:
    """Write a line: a name that the terminal cannot show is no reason to be silent about the films after it."""
    out.write(escaped(line, getattr(out._out, "encoding", None) or "utf-8"))
