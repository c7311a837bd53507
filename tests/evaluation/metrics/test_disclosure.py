"""What a number about a hidden split may say."""

import math
from collections import Counter

import pytest
from scipy.stats import binomtest

from evaluation.metrics import disclosure

SIZES = [*range(1, 400), 541, 999, 1000, 2500, 2937, 10_000, 10_895]


@pytest.mark.parametrize(
    ("n", "expected"),
    [(3, 100), (5, 50), (10, 50), (20, 20), (24, 20), (25, 10), (100, 5), (2500, 1), (2501, 1), (10_895, 0.5)],
)
def test_steps_are_1_2_or_5_and_a_standard_error_wide(n: int, expected: float) -> None:
    assert disclosure.step(n) == expected
    assert disclosure.step(n) >= 50 / math.sqrt(n)


def test_no_shown_value_tells_a_count() -> None:
    for n in SIZES:
        shown = Counter(disclosure.rounded(count / n * 100, n) for count in range(n + 1))
        assert min(shown.values()) >= 2, n
        assert len(shown) == disclosure.values(n)


def test_nothing_is_said_of_one_or_two_items_or_of_nothing() -> None:
    assert disclosure.rounded(100.0, 1) is disclosure.rounded(50.0, 2) is None
    assert disclosure.rounded(None, 20) is disclosure.rounded(math.nan, 20) is None
    assert disclosure.interval(None, 20) == (None, None)
    assert disclosure.bits(1) == disclosure.bits(2) == 0
    with pytest.raises(ValueError, match="expected at least 1 item"):
        disclosure.step(0)


def test_the_interval_follows_from_what_is_shown_and_covers_every_count_behind_it() -> None:
    for n in (20, 100, 541):
        for count in range(n + 1):
            low, high = disclosure.interval(disclosure.rounded(count / n * 100, n), n)
            assert low is not None
            assert high is not None
            exact = binomtest(count, n).proportion_ci(method="wilson")
            assert 0 <= low <= exact.low * 100 + 0.01
            assert exact.high * 100 - 0.01 <= high <= 100


def test_the_tries_of_a_person_carry_at_most_a_quarter_of_the_truth_and_not_fewer() -> None:
    for n in SIZES:
        tries = disclosure.tries(n)
        assert 1 <= tries <= disclosure.MOST_TRIES
        if n > 2:
            assert tries * disclosure.bits(n) <= 0.25 * 2 * n, n
        if n > 2 and tries < disclosure.MOST_TRIES:
            assert (tries + 1) * disclosure.bits(n) > 0.25 * 2 * n, n


def test_what_bits_are_worth_at_most() -> None:
    assert disclosure.ceiling(20, 0) == pytest.approx(25, abs=0.01)
    assert disclosure.ceiling(20, disclosure.truth_bits(20)) == pytest.approx(100, abs=0.01)
    # Half a bit a question: an answer that is right in 64.5 % needs 2 - h(.355) - .355 log2(3) = .500 bits.
    assert disclosure.ceiling(1000, 500) == pytest.approx(64.5, abs=0.1)
