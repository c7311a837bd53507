"""Blanks, strings and flat objects of strict JSON, byte by byte.

What Python's json lets through is refused here: lone surrogates, bytes that are not UTF-8, raw control characters.
"""

from evaluation.kernels.aot import helper, kernel
from evaluation.kernels.types import Bytes
from evaluation.predictions.json.number import MORE, OK

BAD_BYTE = 10
BAD_STRING = 14
BAD_UTF8 = 15
BAD_ESCAPE = 16


@kernel
def skip_blank(buffer: Bytes, at: int, end: int) -> int:
    """The next place from `at` that is no blank, `end` where there is none."""
    while at < end and (buffer[at] == 32 or buffer[at] == 10 or buffer[at] == 13 or buffer[at] == 9):
        at += 1
    return at


@helper
def starts_with(buffer: Bytes, at: int, end: int, text: Bytes) -> int:
    """1 where the text stands at `at`, 0 where not, -1 where the buffer ends too early to tell."""
    for i in range(len(text)):
        if at + i == end:
            return -1
        if buffer[at + i] != text[i]:
            return 0
    return 1


@helper
def hex_digits(buffer: Bytes, at: int) -> int:
    """The value of four hexadecimal digits, -1 where they are not."""
    value = 0
    for i in range(4):
        c = int(buffer[at + i])
        if 48 <= c <= 57:
            value = value * 16 + c - 48
        elif 65 <= c <= 70 or 97 <= c <= 102:
            value = value * 16 + (c & 15) + 9
        else:
            return -1
    return value


@helper
def skip_string(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """(status, place) after the string whose opening quote stands before `at`; escapes and UTF-8 are checked."""
    while at < end:
        c = buffer[at]
        if c == 34:
            return OK, at + 1
        if c < 32:
            return BAD_STRING, at
        if c == 92:
            if at + 1 == end:
                return MORE, at
            escaped = buffer[at + 1]
            if escaped == 117:
                if at + 6 > end:
                    return MORE, at
                unit = hex_digits(buffer, at + 2)
                if unit < 0 or 0xDC00 <= unit <= 0xDFFF:
                    return BAD_ESCAPE, at
                if 0xD800 <= unit <= 0xDBFF:
                    low = -1
                    if at + 12 > end:
                        return MORE, at
                    if buffer[at + 6] == 92 and buffer[at + 7] == 117:
                        low = hex_digits(buffer, at + 8)
                    if not 0xDC00 <= low <= 0xDFFF:
                        return BAD_ESCAPE, at
                    at += 6
                at += 6
            elif (
                escaped == 34
                or escaped == 92
                or escaped == 47
                or escaped == 98
                or escaped == 102
                or escaped == 110
                or escaped == 114
                or escaped == 116
            ):
                at += 2
            else:
                return BAD_ESCAPE, at
        elif c < 128:
            at += 1
        else:
            length = 2 if 0xC2 <= c <= 0xDF else 3 if 0xE0 <= c <= 0xEF else 4 if 0xF0 <= c <= 0xF4 else 0
            if length == 0:
                return BAD_UTF8, at
            if at + length > end:
                return MORE, at
            second = buffer[at + 1]
            low_bound, high_bound = 0x80, 0xBF
            if c == 0xE0:
                low_bound = 0xA0
            elif c == 0xED:
                high_bound = 0x9F
            elif c == 0xF0:
                low_bound = 0x90
            elif c == 0xF4:
                high_bound = 0x8F
            if second < low_bound or second > high_bound:
                return BAD_UTF8, at
            for i in range(2, length):
                if buffer[at + i] < 0x80 or buffer[at + i] > 0xBF:
                    return BAD_UTF8, at
            at += length
    return MORE, at


@kernel
def string_end(buffer: Bytes, at: int, end: int) -> int:
    """The place after a string whose opening quote stands before `at`; -MORE or another negated status without one."""
    status, after = skip_string(buffer, at, end)
    return after if status == OK else -status


@kernel
def flat_object_end(buffer: Bytes, at: int, end: int) -> int:
    """The same for an object of strings and numbers whose opening brace stands before `at`."""
    while at < end:
        c = buffer[at]
        if c == 125:
            return at + 1
        if c == 123 or c == 91:
            return -BAD_BYTE
        at += 1
        if c == 34:
            status, at = skip_string(buffer, at, end)
            if status != OK:
                return -status
    return -MORE
