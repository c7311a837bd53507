import struct

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evaluation.predictions.json.number import INEXACT, MORE, NOT_A_NUMBER, OK, TOO_LONG, read_number

digits = st.text("0123456789", max_size=24)
written = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    st.one_of(st.just("0"), st.builds("{}{}".format, st.sampled_from("123456789"), digits)),
    st.one_of(st.just(""), digits.map(lambda text: f".{text}0")),
    st.one_of(st.just(""), st.integers(-330, 330).map(lambda n: f"e{n}"), st.integers(0, 30).map(lambda n: f"E+{n}")),
)


def read(text: str, after: str = ",") -> tuple[int, int, bool, float, int]:
    raw = np.frombuffer((text + after).encode(), np.uint8)
    with np.errstate(over="ignore"):  # products wrap round on purpose
        return read_number(raw, 0, len(raw))


def halfway(mantissa: int, exponent: int) -> str:
    """The decimal text of the point halfway between two neighbouring float64s."""
    odd = 2 * (mantissa | 1 << 52) + 1
    return str(odd << exponent) if exponent >= 0 else str(odd * 5**-exponent) + f"e{exponent}"


@settings(max_examples=500)
@given(st.one_of(written, st.floats(0, 200).map(repr), st.floats(0, 200, width=32).map(repr)))
@example("0.1")
@example("123456789012345678901234567890")
@example("9007199254740993")
def test_reads_what_float_reads(text: str) -> None:
    status, at, whole, value, integer = read(text)
    assert status in (OK, INEXACT)
    assert at == len(text)
    assert whole == (not set(text) & set(".eE"))
    if status == OK:
        assert struct.pack("d", value) == struct.pack("d", float(text))
    if whole and 0 <= int(text) < 10**18:
        assert integer == int(text)
    elif whole:
        assert integer == -1


@settings(max_examples=300)
@given(st.integers(0, 2**52 - 1), st.integers(-8, 11))
def test_halfway_points_round_to_even(mantissa: int, exponent: int) -> None:
    text = halfway(mantissa, exponent)
    status, _, _, value, _ = read(text)
    assert status == INEXACT or value == float(text)


@given(st.floats(0, 1e12))
def test_what_python_writes_needs_no_second_reading(number: float) -> None:
    assert read(repr(number))[0] == OK or number < 1e-40


def test_refuses_what_json_refuses() -> None:
    for text in (
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "--1",
        "NaN",
        "Infinity",
        "-Infinity",
        '"1"',
    ):
        assert read(text)[0] == NOT_A_NUMBER, text
    assert read("1" * 401)[0] == TOO_LONG
    assert read("1.5e3", after="")[0] == MORE
