"""From the bytes of a subtitle file to its text: byte order mark, UTF-8, UTF-16 without a mark, then a guess."""

from __future__ import annotations

import codecs

from charset_normalizer import CharsetMatches, from_bytes

from annotation.media.subtitles.cues import SubtitleError

_MARKS = [  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
# What subtitles are written in. Among all that Python knows, a short text is as often taken for an EBCDIC or a Mac one.
_GUESSED = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874",
    "gb18030", "big5", "cp932", "euc_jp", "cp949",
]  # fmt: skip
# Japanese in seven bits: an escape sequence switches to a set of two bytes a character, another one back.
_THERE, _BACK = (b"\x1b$B", b"\x1b$@"), (b"\x1b(B", b"\x1b(J")
_SWITCHED = ["iso2022_jp", "iso2022_jp_ext"]  # the second one has narrow katakana, too
_ABOUT_EQUAL = 0.05  # share of unlikely characters
_SAMPLE_BYTES = 256 << 10


def decode(raw: bytes, encoding: str = "") -> tuple[str, str]:
    """(text, name of its encoding). Raises SubtitleError where it is no text, or not in the `encoding` given."""
    encoding = encoding or _encoding_of(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise SubtitleError(f"not {encoding}: {error.reason} at byte {error.start}") from error
    except LookupError as error:
        raise SubtitleError(f"no encoding is called {encoding!r}") from error
    if "\0" in text:
        raise SubtitleError(f"no text file: a zero byte in line {text.count(chr(10), 0, text.index(chr(0))) + 1}")
    return text.removeprefix("\ufeff"), encoding


def decode_head(raw: bytes) -> str:
    """The text of a file's first bytes, which may end within a character. Raises SubtitleError."""
    lines = raw[: raw.rfind(b"\n") + 1] or raw
    return raw.decode(_encoding_of(lines), "replace").removeprefix("\ufeff")


def _encoding_of(raw: bytes) -> str:
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return name
    if _zeros(raw[1::2]) and not _zeros(raw[::2]):
        return "utf-16-le"
    if _zeros(raw[::2]) and not _zeros(raw[1::2]):
        return "utf-16-be"
    if any(escape in raw for escape in _THERE) and any(escape in raw for escape in _BACK):
        for name in _SWITCHED:
            if _is_in(raw, name):
                return name
    return "utf-8" if _is_in(raw, "utf-8") else _guess(from_bytes(raw[:_SAMPLE_BYTES], cp_isolation=_GUESSED))


def _is_in(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _zeros(half: bytes) -> bool:
    """Whether every second byte is mostly zero: times, arrows and Latin letters in 16 bits."""
    return half[:4096].count(0) * 2 > len(half[:4096])


def _guess(matches: CharsetMatches) -> str:
    best = matches.best()
    if best is None:
        raise SubtitleError("its encoding is none of the known ones")
    # A few accents are explained by several Latin encodings about equally well; the most used one is seldom the first.
    if any(
        match.encoding == "cp1252" and match.coherence >= best.coherence and match.chaos <= best.chaos + _ABOUT_EQUAL
        for match in matches
    ):
        return "cp1252"
    return best.encoding
