"""JSON numbers to float64, correctly rounded: what Python's float() gives, at machine speed.

Up to 19 significant digits follow Eisel and Lemire (Lemire 2021, "Number parsing at a gigabyte per second"), whose
128-bit product always decides (Mushtak and Lemire 2023). What it does not cover, more digits between two neighbours
or far exponents, is handed back as INEXACT for Python to convert.
"""

import numpy as np
from numpy.typing import NDArray

from evaluation.kernels.aot import helper
from evaluation.kernels.types import Bytes

MOST_CHARACTERS = 400  # of one number; longer ones are refused

OK = 0
MORE = 1  # the buffer ends inside the number
NOT_A_NUMBER = 2
INEXACT = 3  # a number, but float() must convert it
TOO_LONG = 4

FAR = 64  # exponents of ten beyond this go to float()
EXACT_POWERS = np.array([10.0**n for n in range(23)])
MANY_DIGITS = 19
POWERS_OF_TWO = np.array([2.0**n for n in range(-400, 401)])


def _powers_of_five() -> NDArray[np.uint64]:
    """[2 * FAR + 1, 2] upper and lower half of 5**q scaled to 128 bits, truncated (rounded up below q = 0)."""
    words = []
    for q in range(-FAR, FAR + 1):
        power = 5 ** abs(q)
        if q < 0:
            bits = (power - 1).bit_length()
            scaled = (1 << (bits + 127 if q >= -27 else 2 * bits + 128)) // power + 1
            scaled >>= max(0, scaled.bit_length() - 128)
        else:
            shift = 128 - power.bit_length()
            scaled = power << shift if shift >= 0 else power >> -shift
        words.append((scaled >> 64, scaled & (2**64 - 1)))
    return np.array(words, np.uint64)


POWERS_OF_FIVE = _powers_of_five()

U0, U1, U3, U32, U63, U64 = (np.uint64(n) for n in (0, 1, 3, 32, 63, 64))
LOW32 = np.uint64(0xFFFFFFFF)
LOW9 = np.uint64(0x1FF)  # the bits of the upper product word that rounding does not see
HIDDEN = np.uint64(1 << 52)
TEN = np.uint64(10)
ZERO = np.uint64(48)


@helper
def multiply(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Upper and lower word of a 64 x 64 bit product."""
    a_high, a_low, b_high, b_low = a >> U32, a & LOW32, b >> U32, b & LOW32
    low, mid, cross = a_low * b_low, a_high * b_low, a_low * b_high
    carry = (low >> U32) + (mid & LOW32) + (cross & LOW32)
    return a_high * b_high + (mid >> U32) + (cross >> U32) + (carry >> U32), a * b


@helper
def leading_zeros(word: np.uint64) -> int:
    """Of a word that is not 0."""
    zeros = 0
    for step in (32, 16, 8, 4, 2, 1):
        if word >> np.uint64(64 - step) == U0:
            zeros += step
            word = word << np.uint64(step)
    return zeros


@helper
def scaled(digits: np.uint64, exponent: int) -> float:
    """digits * 10**exponent rounded to nearest even, for digits > 0 and |exponent| <= FAR."""
    zeros = leading_zeros(digits)
    word = digits << np.uint64(zeros)
    high, low = multiply(word, POWERS_OF_FIVE[exponent + FAR, 0])
    if high & LOW9 == LOW9:
        second, _ = multiply(word, POWERS_OF_FIVE[exponent + FAR, 1])
        low = low + second
        if second > low:
            high = high + U1
    upper = high >> U63
    shift = upper + np.uint64(9)
    mantissa = high >> shift
    if low <= U1 and -4 <= exponent <= 23 and mantissa & U3 == U1 and mantissa << shift == high:
        mantissa = mantissa - U1  # exactly halfway, and the even neighbour lies below
    mantissa = (mantissa + (mantissa & U1)) >> U1
    binary = ((217706 * exponent) >> 16) + 63 + int(upper) - zeros - 52
    return float(mantissa) * POWERS_OF_TWO[binary + 400]


@helper
def read_number(buffer: Bytes, at: int, end: int) -> tuple[int, int, bool, float, int | np.int64]:
    """(status, place after it, is an integer token, value, integer) of the JSON number that starts at `at` < end.

    `integer` holds the digits of an integer token of up to 18 digits, -1 for a longer or negative one (-0 is 0).
    """
    first = at
    negative = buffer[at] == 45
    if negative:
        at += 1
        if at == end:
            return MORE, at, False, 0.0, 0
    if buffer[at] < 48 or buffer[at] > 57:
        return NOT_A_NUMBER, first, False, 0.0, 0
    digits, count, exponent, whole, rest = U0, 0, 0, True, False
    if buffer[at] == 48:
        at += 1
        if at < end and 48 <= buffer[at] <= 57:
            return NOT_A_NUMBER, first, False, 0.0, 0
    else:
        while at < end and 48 <= buffer[at] <= 57:
            if count < MANY_DIGITS:
                digits = digits * TEN + (np.uint64(buffer[at]) - ZERO)
                count += 1
            else:
                exponent += 1
                rest = True
            at += 1
    if at < end and buffer[at] == 46:
        whole = False
        at += 1
        fraction = at
        while at < end and 48 <= buffer[at] <= 57:
            if count < MANY_DIGITS:
                digits = digits * TEN + (np.uint64(buffer[at]) - ZERO)
                exponent -= 1
                if digits != U0:
                    count += 1
            else:
                rest = True
            at += 1
        if at == fraction:
            return (MORE if at == end else NOT_A_NUMBER), first, False, 0.0, 0
    if at < end and (buffer[at] == 101 or buffer[at] == 69):
        whole = False
        at += 1
        minus = False
        if at < end and (buffer[at] == 43 or buffer[at] == 45):
            minus = buffer[at] == 45
            at += 1
        given, written = at, 0
        while at < end and 48 <= buffer[at] <= 57:
            written = min(written * 10 + int(buffer[at]) - 48, 100_000)
            at += 1
        if at == given:
            return (MORE if at == end else NOT_A_NUMBER), first, False, 0.0, 0
        exponent += -written if minus else written
    if at - first > MOST_CHARACTERS:
        return TOO_LONG, first, False, 0.0, 0
    if at == end:
        return MORE, first, False, 0.0, 0
    integer = np.int64(digits) if whole and count <= 18 and (not negative or digits == U0) else np.int64(-1)
    if digits == U0:
        value = 0.0
    elif not rest and digits < (HIDDEN << U1) and -22 <= exponent <= 22:
        power = EXACT_POWERS[abs(exponent)]
        value = float(digits) / power if exponent < 0 else float(digits) * power
    elif exponent < -FAR or exponent > FAR:
        return INEXACT, at, whole, 0.0, integer
    else:
        value = scaled(digits, exponent)
        if rest and value != scaled(digits + U1, exponent):
            return INEXACT, at, whole, 0.0, integer
    return OK, at, whole, -value if negative else value, integer
