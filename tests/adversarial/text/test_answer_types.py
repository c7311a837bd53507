"""Kinds of questions and answers, and which lend to which."""

import pytest

from adversarial.matching.kernels import RELUCTANTLY
from adversarial.text.answer_types import (
    ACTION,
    ANY,
    COLOUR,
    COUNT,
    MEASURE,
    NUMBER,
    OBJECT,
    OCCASION,
    PERSON,
    PLACE,
    REASON,
    TIME,
    YES_NO,
    accepted_kinds,
    answer_kind,
    asked_kind,
)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many plates are there?", COUNT),
        ("How many cups of flour are there?", NUMBER),
        ("how much flour is added", NUMBER),
        ("How long does it bake?", TIME),
        ("When does he stir the soup?", OCCASION),
        ("What color is the wall?", COLOUR),
        ("Where is the dog?", PLACE),
        ("Who paints the door?", PERSON),
        ("why does she laugh?", REASON),
        ("Is the door open?", YES_NO),
        ("What is the man doing?", ACTION),
        ("What is in the jar?", ANY),
        ("howmany plates are there", COUNT),
        ("How may plates are shown?", COUNT),
        ("What is the room number?", NUMBER),
        ("what year was it built?", TIME),
        ("What does he hold when the bell rings?", OBJECT),
        ("what is she wearing", OBJECT),
        ("Which room are they in?", PLACE),
    ],
)
def test_what_a_question_asks_for(question: str, kind: int) -> None:
    assert asked_kind(question) == kind


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("3", NUMBER),
        ("three plates", NUMBER),
        ("10 minutes", TIME),
        ("half a cup", MEASURE),
        ("two inches long", MEASURE),
        ("at noon", OCCASION),
        ("Christmas", OCCASION),
        ("a Christmas tree", OBJECT),
        ("dark blue", COLOUR),
        ("preparing red tea", ACTION),
        ("film making", ACTION),
        ("the ceiling", OBJECT),
        ("in the kitchen", PLACE),
        ("a young woman", PERSON),
        ("because it is cold", REASON),
        ("to keep it fresh", REASON),
        ("yes", YES_NO),
        ("pair of tongs", OBJECT),
        ("a pair", NUMBER),
        ("nothing to say", OBJECT),
        ("nothing", NUMBER),
        ("washing the car", ACTION),
        ("a hammer", OBJECT),
    ],
)
def test_what_an_answer_is(answer: str, kind: int) -> None:
    assert answer_kind(answer) == kind


@pytest.mark.parametrize(
    ("question", "answer", "fits"),
    [
        ("How many plates are there?", "seven", True),
        ("How many plates are there?", "in the garden", False),
        ("How many plates are there?", "1 1/2 inches", False),
        ("How many plates are there?", "ten minutes", False),
        ("How many minutes does it bake?", "ten minutes", True),
        ("How much oil is added?", "a 3rd of a cup", True),
        ("What year was it built?", "in the kitchen", False),
        ("When does he stir the soup?", "in the kitchen", False),
        ("When does he stir the soup?", "after the milk boils", True),
        ("When does he stir the soup?", "two", False),
        ("How long does it bake?", "it started to boil", False),
        ("What is he holding?", "fishing", False),
        ("Who makes it?", "film making", False),
        ("Which room is it?", "looking at the door", False),
        ("Where is the dog?", "lights", True),  # an object may be a place, the odds decide
        ("Where is the dog?", "blue", False),
        ("What is in the jar?", "no", False),
        ("What is in the jar?", "2", False),
        ("What is in the jar?", "in the kitchen", False),
        ("What is in the jar?", "red paint", True),
        ("How many plates are there?", "a hammer", False),
        ("What color is the wall?", "a hammer", False),
        ("Is the door open?", "a hammer", False),
        ("Is the door open?", "yea a little", True),
        ("How long does it bake?", "two", True),
    ],
)
def test_what_may_be_lent(question: str, answer: str, fits: bool) -> None:
    accepted, kind = accepted_kinds(question), answer_kind(answer)
    assert (accepted >> kind & 1 and not accepted >> RELUCTANTLY + kind & 1) == fits


def test_what_is_lent_where_nothing_better_is_left() -> None:
    for question, answer in [("How many plates are there?", "a hammer"), ("What is in the jar?", "2")]:
        accepted, kind = accepted_kinds(question), answer_kind(answer)
        assert accepted >> kind & 1
        assert accepted >> RELUCTANTLY + kind & 1
    assert not accepted_kinds("Where is the dog?") >> COLOUR & 1
