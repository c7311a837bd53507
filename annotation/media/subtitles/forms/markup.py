"""Lines as they are read aloud: styling, positions, karaoke and readings of characters dropped, entities resolved."""

from __future__ import annotations

import html
import re

LONGEST_LINE = 20_000  # characters; more is no line of a subtitle

# Repetition never meets what ends it, so that each pattern takes time in proportion to the line.
WORD_TIME = re.compile(r"<\d{1,4}:[\d:.]{4,12}>", re.ASCII)
_READING = re.compile(r"<rt>[^<]*</rt>", re.IGNORECASE)
_BREAK = re.compile(r"<br\s{0,3}/?>|\\[Nnh]", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>|</?>", re.IGNORECASE)
_OVERRIDE = re.compile(r"\{\\[^{}]*\}|\{[a-z]:[^{}]*\}", re.IGNORECASE)


def plain(line: str) -> str:
    """A line of SRT or WebVTT without markup; `<3` and `{x}` stay, they are no markup."""
    line = line[:LONGEST_LINE]
    for pattern, instead in ((WORD_TIME, ""), (_READING, ""), (_BREAK, " "), (_TAG, ""), (_OVERRIDE, "")):
        line = pattern.sub(instead, line)
    return " ".join(html.unescape(line).split())


def plain_ass(text: str) -> str:
    """The text of an ASS event: override blocks and drawings dropped."""
    parts, drawing = [], False
    for part in re.split(r"(\{[^{}]*\})", text[:LONGEST_LINE]):
        if part.startswith("{") and part.endswith("}"):
            for size in re.findall(r"\\p(\d{1,3})", part, re.ASCII):
                drawing = int(size) > 0
        elif not drawing:
            parts.append(_BREAK.sub(" ", part))
    return " ".join("".join(parts).split())


def lines_of(text: str) -> list[str]:
    """Lines by CR, LF or both: `splitlines` would also break at separators that stand inside a sentence."""
    return re.split(r"\r\n|\n|\r", text)
