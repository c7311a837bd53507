"""Subtitle files that the tests write, each in the form that its program writes."""

from __future__ import annotations

from collections.abc import Sequence

Phrase = tuple[float, float, str]  # start and end in seconds


def clock(seconds: float, comma: str = ".") -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{comma}{ms % 1000:03d}"


def srt(phrases: Sequence[Phrase]) -> str:
    cues = [f"{n}\n{clock(s, ',')} --> {clock(e, ',')}\n{t}\n" for n, (s, e, t) in enumerate(phrases, 1)]
    return "\n".join(cues)


def vtt(phrases: Sequence[Phrase]) -> str:
    return "\n".join(["WEBVTT\n", *(f"{clock(s)} --> {clock(e)}\n{t}\n" for s, e, t in phrases)])


def ass(phrases: Sequence[Phrase]) -> str:
    head = "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Name, Effect, Text\n"
    return head + "".join(f"Dialogue: 0,{clock(s)},{clock(e)},Default,,,{t}\n" for s, e, t in phrases)


def youtube(phrases: Sequence[str], seconds: float = 2.0) -> str:
    """Automatic captions as YouTube serves them: every phrase as it is spoken, for 10 ms, and above the next one."""
    cues, above = [], " "
    for number, phrase in enumerate(phrases):
        start, end = number * seconds, (number + 1) * seconds - 0.01
        cues.append(_cue(start, end, f"{above}\n{_timed(phrase, start)}"))
        cues.append(_cue(end, end + 0.01, f"{phrase}\n "))
        above = phrase
    return "WEBVTT\nKind: captions\nLanguage: en\n\n" + "\n".join(cues)


def _cue(start: float, end: float, text: str) -> str:
    return f"{clock(start)} --> {clock(end)} align:start position:0%\n{text}\n"


def _timed(phrase: str, start: float) -> str:
    first, *others = phrase.split()
    return first + "".join(f"<{clock(start + 0.1 * n)}><c> {word}</c>" for n, word in enumerate(others, 1))
