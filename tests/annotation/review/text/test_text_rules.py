from hypothesis import given
from hypothesis import strategies as st

from annotation.review.text.text_rules import normalise, words


@given(st.text() | st.text("e\u0301\u0327\u200d\u00ad '\u00a0\u1100\u1161"))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_one_text_is_stored_however_its_accents_are_typed() -> None:
    assert normalise("e\u0301te\u0301") == normalise("\u00e9t\u00e9") == "\u00e9t\u00e9"


@given(st.text())
def test_normalised_text_holds_no_control_or_bidi_characters_and_single_blanks(text: str) -> None:
    clean = normalise(text)
    assert "\x00" not in clean
    assert "\u200e" not in clean
    assert "\u202e" not in clean
    assert "  " not in clean
    assert clean == clean.strip()


def test_a_word_holds_a_letter_or_digit() -> None:
    assert words("The red ball — 2 of them — rolls, doesn't it ?") == [
        "The", "red", "ball", "2", "of", "them", "rolls,", "doesn't", "it",
    ]  # fmt: skip
