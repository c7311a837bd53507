"""Which answers may not become negatives of a question: one rule at a time, everything else allowing it."""

from dataclasses import replace

import numpy as np
import pytest

from adversarial.matching.kernels import RELUCTANCE, RELUCTANTLY
from adversarial.matching.problem import MatchingProblem
from adversarial.text import answer_equivalence
from tests.adversarial.matching.test_column_generation import dense_rows_of, random_problem

ASKED, SAID, KEPT = "what is on the table?", ["a red cup", "a spoon", "two plates", "some bread"], ["a knife", "spoons"]


@pytest.fixture
def problem() -> MatchingProblem:
    """Four questions on four videos, whose answers are SAID; every pair but the own one is legal."""
    plain = random_problem(4, seed=1, videos=4, answers=4)
    return replace(
        plain,
        video=np.arange(4, dtype=np.int32),
        answer_id=np.arange(4, dtype=np.int32),
        embeddings=np.eye(4, 8, dtype=np.float32),
        profiles=answer_equivalence.profiles([*SAID, ASKED, *KEPT]),
        question_profile=np.full(4, 4, np.int32),
    )


def barred(problem: MatchingProblem) -> list[tuple[int, int]]:
    """The pairs of question and answer that are not legal, beside each question's own."""
    rows, columns = np.nonzero(~np.isfinite(dense_rows_of(problem)))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if i != j]


def test_nothing_bars_a_pair_where_nothing_is_shared(problem: MatchingProblem) -> None:
    assert barred(problem) == []


def test_an_answer_that_says_what_a_kept_negative_says(problem: MatchingProblem) -> None:
    kept = np.array([[5, 6], [5, -1], [-1, -1], [6, 5]], np.int32)  # rows of profiles: a knife, spoons
    assert barred(replace(problem, kept_negatives=kept)) == [(0, 1), (3, 1)]


def test_an_answer_that_was_given_before_or_says_the_same(problem: MatchingProblem) -> None:
    given = np.array([[1], [-1], [3], [-1]], np.int32)
    assert barred(replace(problem, assigned=given)) == [(0, 1), (2, 3)]
    alike = answer_equivalence.profiles(["a red cup", "a spoon", "spoons", "some bread", ASKED])
    assert barred(replace(problem, profiles=alike, assigned=given)) == [(0, 1), (0, 2), (1, 2), (2, 1), (2, 3)]


def test_the_same_video_question_or_answer(problem: MatchingProblem) -> None:
    same = np.array([7, 7, 8, 9], np.int32)
    for name in ("video", "question_id", "answer_id"):
        assert barred(replace(problem, **{name: same})) == [(0, 1), (1, 0)], name


def test_an_answer_of_a_kind_that_the_question_does_not_take(problem: MatchingProblem) -> None:
    kind, accepts = np.array([0, 1, 0, 0], np.int32), np.array([1, 3, 3, 1], np.int32)
    assert barred(replace(problem, kind=kind, accepts=accepts)) == [(0, 1), (3, 1)]


def test_a_strange_kind_has_its_price(problem: MatchingProblem) -> None:
    kind = np.array([0, 1, 0, 0], np.int32)
    accepts = np.full(4, 3, np.int32)
    dear = replace(problem, kind=kind, accepts=accepts | 1 << RELUCTANTLY + 1)
    cheap = replace(problem, kind=kind, accepts=accepts)
    legal = np.isfinite(dense_rows_of(cheap))
    less = np.where(legal, dense_rows_of(cheap), 0) - np.where(legal, dense_rows_of(dear), 0)
    assert legal[:, 1].any()
    assert less[:, 1][legal[:, 1]] == pytest.approx(float(RELUCTANCE), abs=1e-4)
    assert not less[:, [0, 2, 3]][legal[:, [0, 2, 3]]].any()


def test_an_answer_that_only_repeats_the_question(problem: MatchingProblem) -> None:
    profiles = answer_equivalence.profiles([*SAID, "is the spoon on the table?"])
    assert barred(replace(problem, profiles=profiles)) == [(0, 1), (2, 1), (3, 1)]


def test_an_equal_number_where_a_number_and_a_shared_colour_where_a_colour_is_asked_for(
    problem: MatchingProblem,
) -> None:
    said = ["2 red cups", "2 blue forks", "3 red shoes", "a spoon"]
    counted = replace(problem, profiles=answer_equivalence.profiles([*said, ASKED]))
    asks = {
        name: np.full(4, answer_equivalence.asks_for(name), np.int32) for name in ("how many?", "what color is it?")
    }
    assert barred(counted) == []
    assert barred(replace(counted, asks_for=asks["how many?"])) == [(0, 1), (1, 0)]
    assert barred(replace(counted, asks_for=asks["what color is it?"])) == [(0, 2), (2, 0)]


def test_answers_of_which_nothing_is_known_are_one_from_a_cosine_on(problem: MatchingProblem) -> None:
    near = np.eye(4, 8, dtype=np.float32)
    near[1] = near[0]
    unknown = answer_equivalence.profiles(["a red cup", "pottery", "two plates", "some bread", ASKED])
    alike = replace(problem, embeddings=near, profiles=unknown)
    assert barred(alike) == [(0, 1), (1, 0)]
    assert barred(replace(alike, same_answer_cosine=1.1)) == []
