"""Answer equivalence on hand-made pairs, both ways, and its laws."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adversarial.matching.kernels import DIFFERENT, SAME, UNKNOWN, WIDTH, echoes, equal_for
from adversarial.text.answer_equivalence import asks_for, compare_texts, profiles
from adversarial.text.normalise import canonical
from adversarial.text.stemming import stem

PAIRS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "answer_pairs.tsv").read_text(encoding="utf-8").splitlines()
]


def test_there_are_pairs_enough_of_both_kinds() -> None:
    assert len(PAIRS) >= 590
    assert min(sum(kind == wanted for kind, _, _ in PAIRS) for wanted in ("same", "different")) >= 250


@pytest.mark.parametrize(("kind", "first", "second"), PAIRS)
def test_pair(kind: str, first: str, second: str) -> None:
    assert (compare_texts(first, second) == SAME) == (kind == "same")


@pytest.mark.parametrize(
    ("first", "second"),
    [("1", "2"), ("red", "blue"), ("yes", "no"), ("hot", "not hot"), ("on the table", "under the table")],
)
def test_close_wordings_of_different_values_are_told_apart_for_certain(first: str, second: str) -> None:
    assert compare_texts(first, second) == DIFFERENT


def test_what_only_meaning_can_tell_is_left_to_the_cosine() -> None:
    assert compare_texts("a boat on the lake", "a ship") == UNKNOWN


@pytest.mark.parametrize(
    ("question", "first", "second", "equal"),
    [
        ("How many onions are cut?", "2 onions", "two tomatoes", True),
        ("How many onions are cut?", "2 onions", "3 onions", False),
        ("What does she buy?", "2 onions", "2 tomatoes", False),
        ("What is the colour of the plant?", "green and red", "a red rose", True),
        ("What color is it?", "green", "a red rose", False),
    ],
)
def test_what_is_asked_decides_what_is_equal(question: str, first: str, second: str, equal: bool) -> None:
    assert equal_for(asks_for(question), profiles([first, second]), 0, 1) == equal


@pytest.mark.parametrize(
    ("question", "answer", "said_already"),
    [
        ("What does he do with the weapon?", "a weapon", True),
        ("How does the green light turn red?", "red light", True),
        ("What stands on the table?", "a red table", False),
        ("How many weapons are there?", "2 weapons", False),
        ("Is it on?", "yes", False),
    ],
)
def test_echo(question: str, answer: str, said_already: bool) -> None:
    assert echoes(profiles([question, answer]), 0, 1) == said_already


@pytest.mark.parametrize(("first", "second"), [("-5", "5"), ("F+", "F-"), ("C++", "C#"), ("$5", "5 %")])
def test_signs_keep_texts_apart(first: str, second: str) -> None:
    assert canonical(first) != canonical(second)
    assert compare_texts(first, second) == DIFFERENT


@pytest.mark.parametrize(("first", "second"), [("कि", "का"), ("பி", "பா"), ("ที่", "ทา"), ("קִיר", "קֻר")])
def test_vowels_that_are_marks_keep_texts_apart(first: str, second: str) -> None:
    assert canonical(first) != canonical(second)


def test_what_nobody_sees_keeps_no_texts_apart() -> None:
    assert canonical("\u2764\ufe0f 1\ufe0f\u20e3") == canonical("\u2764 1\u20e3")
    assert canonical("\u0645\u06cc\u200c\u062e\u0648") == canonical("\u0645\u06cc\u062e\u0648")


@given(st.text().filter(lambda text: any(letter.isalnum() for letter in text)))
def test_case_and_punctuation_keep_no_texts_apart(text: str) -> None:
    assert canonical(text.upper().lower()) == canonical(f"{text.upper().lower()} !?")


def test_a_hyphen_and_a_dash_are_no_signs() -> None:
    assert canonical("a well-known man") == canonical("a well known man")
    assert canonical("5 - 6") == canonical("5-6")
    assert canonical("5 %") == canonical("5%")


@given(st.text(max_size=40), st.text(max_size=40))
def test_symmetric_on_any_text(first: str, second: str) -> None:
    assert compare_texts(first, second) == compare_texts(second, first)


@given(st.text(max_size=60))
def test_every_text_says_what_it_says(text: str) -> None:
    assert compare_texts(text, text) == SAME


@given(st.lists(st.text(max_size=12), max_size=5))
def test_profiles_do_not_depend_on_company(texts: list[str]) -> None:
    table = profiles(texts)
    assert table.shape == (len(texts), WIDTH)
    for row, text in zip(table, texts, strict=True):
        assert np.array_equal(row, profiles([text])[0])


@given(st.integers(0, 999_999))
def test_digits_equal_words(number: int) -> None:
    assert compare_texts(str(number), _spelt(number)) == SAME


@given(st.integers(0, 99_999), st.integers(0, 99_999))
def test_different_numbers_never_pass_as_equal(first: int, second: int) -> None:
    assert (compare_texts(_spelt(first), str(second)) == SAME) == (first == second)


SMALL = re.findall(
    r"\w+",
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen""",
)
TENS = re.findall(r"\w+", "_ _ twenty thirty forty fifty sixty seventy eighty ninety")


def _spelt(number: int) -> str:
    if number < 20:
        return SMALL[number]
    if number < 100:
        return TENS[number // 10] + (f" {SMALL[number % 10]}" if number % 10 else "")
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    rest = number % size
    return f"{_spelt(number // size)} {name}" + (f" {_spelt(rest)}" if rest else "")


@pytest.mark.parametrize(
    ("word", "base"),
    [("childrens", "child"), ("slicing", "slic"), ("slice", "slic"), ("knives", "knife"), ("glass", "glass")],
)
def test_stem(word: str, base: str) -> None:
    assert stem(word) == stem(base)


@pytest.mark.parametrize("text", ["1.2.3/4", "12.05.2020/3", "9" * 5000, "one " + "hundred " * 5000, "1/0", "-", "5-6"])
def test_odd_numbers_are_read_without_error(text: str) -> None:
    assert compare_texts(text, text) == SAME
    assert compare_texts(text, "a red onion") != SAME
