"""Joint inference over a whole file, against what can be counted by hand."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from adversarial.leaks.joint import assign, beliefs, follow


def test_assignment_is_the_best_one() -> None:
    scores = np.random.default_rng(0).normal(size=(7, 9))
    rows, columns = np.indices(scores.shape).reshape(2, -1)
    taken = assign(rows, columns, scores.reshape(-1), 7)
    assert columns[taken].tolist() == linear_sum_assignment(-scores)[1].tolist()


def test_a_row_goes_without_where_all_its_columns_are_taken() -> None:
    taken = assign(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([5.0, 1.0, 2.0]), 3)
    assert taken.tolist() == [0, 2, -1]


def test_path_never_steps_back_and_is_the_best_one() -> None:
    scores = np.random.default_rng(1).normal(size=(5, 4))
    paths = [path for path in product(range(4), repeat=5) if list(path) == sorted(path)]
    best = max(paths, key=lambda path: sum(scores[row, column] for row, column in enumerate(path)))
    assert follow(scores).tolist() == list(best)


def test_beliefs_are_exact_on_a_tree() -> None:
    """Two questions share one text that is right exactly once: their chances can be summed by hand."""
    scores = np.log(np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]))
    found = beliefs(scores, [np.array([0, 3])], {2: np.array([0.0, 1.0, 0.0]) + 1e-12})
    first = 0.7 * 0.4 / (0.7 * 0.4 + 0.3 * 0.6)  # the text is right in the first, or in the second
    chances = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    assert chances[:, 0] == pytest.approx([first, 1 - first], abs=1e-3)


def test_unknown_numbers_of_places_say_nothing() -> None:
    scores = np.log(np.full((3, 2), 0.5))
    assert beliefs(scores, [np.array([0, 2, 4])], {2: np.ones(3)}) == pytest.approx(scores)
