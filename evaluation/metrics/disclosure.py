"""What a number about a hidden split may say, and how many such numbers one person may see.

A shown value is rounded to one standard error, so it tells no exact count; its interval follows from the shown value
and n alone, so it tells nothing more. Values are percent of `n` items.

Why `tries` are few. Let A be the truth, and V1 .. Vt the values shown for t submissions, each of which may be chosen in
the light of all values before it. Given what the sender knows without the truth, Vi is a function of A, so whatever the
strategy, I(A; V1 .. Vt) <= H(V1 .. Vt) <= t * bits(n). The truth of n questions with four equally likely options is
H(A) = n * log2(4) = 2n bits. Limiting t to SHARE * 2n / bits(n) therefore lets at most SHARE of it out. Three remarks:
- Where blind cues already tell part of A, H(A) is smaller and the same bits are a larger share of the rest: the bound
  on the bits holds, the share does not.
- Moments hold more than 2 bits each (one of many videos, and a span), so their share is smaller.
- The bound is for one value a submission, seen by one person, who sends nothing under another name. What the
  platform's own baselines show comes on top: one value each, the same for everybody.
"""

import math
from statistics import NormalDist

SHARE = 0.25  # of the truth's information that one person's tries may carry
MOST_TRIES = 20  # more would only be climbing, however large the split
OPTIONS = 4
_Z = NormalDist().inv_cdf(0.975)


def step(n: int) -> float:
    """Percent points between shown values of `n` items: the smallest of 1, 2, 5 x 10^k that hides enough.

    That is at least one standard error of a share of one half, 50 / sqrt(n), and more than two items wide, so that
    also in a small split every shown value stands for two counts or more. Above 100 (n of 1 and 2) nothing can be
    shown. Raises ValueError for n below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}: expected at least 1 item")
    exponent = math.floor(math.log10(50 / math.sqrt(n)))
    return next(
        float(f"{digit}e{power}")
        for power in range(exponent, exponent + 3)
        for digit in (1, 2, 5)
        if float(f"{digit}e{power}") >= 50 / math.sqrt(n) and float(f"{digit}e{power}") > 200 / n
    )


def rounded(value: float | None, n: int) -> float | None:
    """`value` (percent) to the nearest step; None where there is none (None, nan) or n is too small to say anything."""
    if value is None or math.isnan(value) or step(n) > 100:
        return None
    return round(round(value / step(n)) * step(n), 6)


def interval(shown: float | None, n: int) -> tuple[float | None, float | None]:
    """95 % bounds (percent) around a rounded value: Wilson's, from the lowest and the highest value it may stand for.

    Items count as independent. None where nothing is shown.
    """
    if shown is None:
        return None, None
    return (
        _wilson(max(0.0, shown - step(n) / 2), n, -_Z),
        _wilson(min(100.0, shown + step(n) / 2), n, _Z),
    )


def values(n: int) -> int:
    """How many different values a split of `n` items can show."""
    return round(100 / step(n)) + 1


def bits(n: int) -> float:
    """The most that one shown value can tell."""
    return math.log2(values(n))


def truth_bits(n: int, options: int = OPTIONS) -> float:
    """What the answers of `n` questions of so many options are worth."""
    return n * math.log2(options)


def tries(n: int) -> int:
    """Submissions that a hidden split of `n` items allows one person: at least 1, at most MOST_TRIES.

    The module's docstring has the argument.
    """
    return max(1, min(MOST_TRIES, int(SHARE * truth_bits(n) / max(1.0, bits(n)))))


def ceiling(n: int, told: float) -> float:
    """Percent of `n` questions of four options that nobody exceeds in expectation who was told `told` bits, no more.

    Rate and distortion: to err on a share d of them costs n * (2 - h(d) - d * log2(3)) bits, h the binary entropy.
    """
    low, high = 1 / OPTIONS, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if n * _rate(1 - middle) <= told else (low, middle)
    return high * 100


def _rate(errors: float) -> float:
    if errors in (0, 1):
        return math.log2(OPTIONS)
    entropy = -errors * math.log2(errors) - (1 - errors) * math.log2(1 - errors)
    return math.log2(OPTIONS) - entropy - errors * math.log2(OPTIONS - 1)


def _wilson(value: float, n: int, z: float) -> float:
    """One bound of Wilson's interval: the upper for z above 0, the lower for z below."""
    p = value / 100
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return round(min(1.0, max(0.0, (p + z * z / (2 * n) + spread) / (1 + z * z / n))) * 100, 2)
