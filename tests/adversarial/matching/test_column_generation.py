"""The certified matching against scipy's dense optimum, and its laws."""

from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from adversarial.matching import column_generation
from adversarial.matching.column_generation import UNMATCHED, solve_matching
from adversarial.matching.pricing import dense_rows, keep_ceilings, price
from adversarial.matching.problem import MatchingProblem, aligned
from adversarial.matching.warm_start import prices_from, sampled_rows
from adversarial.text import answer_equivalence

WORDS = [f"thing{number}" for number in range(600)]


def random_problem(
    n: int, seed: int, videos: int, answers: int, lam: float = 0.5, temperature: float = 0.3
) -> MatchingProblem:
    """Random vectors for ``videos`` videos and ``answers`` distinct answers."""
    rng, parts = np.random.default_rng(seed), 2

    def unit(*shape: int) -> Any:
        vectors = rng.standard_normal(shape).astype(np.float32) + 0.4
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    answer_id = rng.integers(0, answers, n).astype(np.int32)
    return MatchingProblem(
        questions=np.hstack([8 * unit(n, 16), unit(n, 4)]),
        answers=unit(parts, n, 16),
        traits=unit(n, 4),
        fold=rng.integers(0, parts, n).astype(np.int32),
        embeddings=unit(n, 8),
        bias=-2.0,
        temperature=temperature,
        similarity_slope=12.0,
        similarity_bias=-7.2,
        lambda_=lam,
        same_answer_cosine=0.95,
        video=rng.integers(0, videos, n).astype(np.int32),
        question_id=np.arange(n, dtype=np.int32),
        answer_id=answer_id,
        asks_for=np.zeros(n, np.int32),
        accepts=np.ones(n, np.int32),
        kind=np.zeros(n, np.int32),
        profiles=answer_equivalence.profiles([*(WORDS[name] for name in answer_id), "which?"]),
        question_profile=np.full(n, n, np.int32),
        kept_negatives=np.zeros((n, 0), np.int32),
        assigned=np.zeros((n, 0), np.int32),
        recipients=np.arange(n, dtype=np.int32),
        lenders=np.arange(n, dtype=np.int32),
    )


def dense_rows_of(problem: MatchingProblem) -> Any:
    """All weights of recipients and lenders, -inf where a pair is not legal."""
    rows = [dense_rows(problem, np.array([row], np.int32)) for row in problem.recipients]
    return np.vstack(rows).astype(float)


def relevance_of(problem: MatchingProblem) -> Any:
    """The products of all pairs."""
    learned = np.einsum("id,ijd->ij", problem.questions[:, :16], problem.answers[problem.fold])
    return learned + problem.questions[:, 16:] @ problem.traits.T


def dense(problem: MatchingProblem) -> Any:
    """All weights; an illegal pair or a question's own answer costs what staying unmatched costs."""
    matrix = dense_rows_of(problem)
    illegal = ~np.isfinite(matrix)
    matrix[illegal] = -1e6
    np.fill_diagonal(matrix, UNMATCHED)
    return matrix


@settings(max_examples=50)
@given(
    st.integers(2, 300),
    st.integers(0, 10_000),
    st.integers(1, 40),
    st.integers(1, 200),
    st.sampled_from([0.0, 0.1, 2.0]),
)
def test_within_the_certified_gap_of_scipys_optimum(n: int, seed: int, videos: int, answers: int, lam: float) -> None:
    problem = random_problem(n, seed, videos, answers, lam)
    found = solve_matching(problem, tolerance=5e-5)
    matrix = dense(problem)
    row, column = linear_sum_assignment(matrix, maximize=True)
    optimum = matrix[row, column].sum()
    assert found.value == pytest.approx(matrix[np.arange(n), found.columns].sum(), abs=1e-4)
    assert found.value <= optimum + 1e-4
    assert optimum <= found.upper_bound + 1e-4
    assert found.gap <= 1e-4
    assert sorted(found.columns) == list(range(n))


@settings(max_examples=20)
@given(st.integers(40, 300), st.integers(0, 10_000))
def test_a_start_from_a_sample_reaches_the_same_optimum(n: int, seed: int) -> None:
    problem = random_problem(n, seed, videos=n // 2, answers=n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(column_generation, "SMALLEST", 40)
        found = solve_matching(problem)
    row, column = linear_sum_assignment(dense(problem), maximize=True)
    optimum = dense(problem)[row, column].sum()
    assert found.value <= optimum + 1e-4
    assert optimum <= found.upper_bound + 1e-4
    assert found.gap <= 1e-4


@settings(max_examples=20)
@given(st.integers(20, 200), st.integers(0, 1000))
def test_first_prices_are_the_best_offers_of_the_sample(n: int, seed: int) -> None:
    problem = random_problem(n, seed, videos=n // 2, answers=n)
    places = sampled_rows(problem)
    profits = np.random.default_rng(seed).normal(size=len(places))
    offers = prices_from(problem, places, profits)
    weights = dense_rows_of(problem)[places] - profits[:, None]
    best = weights.max(axis=0, initial=-np.inf)
    known = np.isfinite(best)
    assert offers[known] == pytest.approx(best[known], abs=1e-4)
    assert np.isfinite(offers).all()


@settings(max_examples=30)
@given(st.integers(6, 200), st.integers(0, 1000), st.integers(1, 5))
def test_some_lend_to_some_others(n: int, seed: int, share: int) -> None:
    """As many lenders as recipients, drawn apart: certified, each lender used once, nobody else touched."""
    rng = np.random.default_rng(seed)
    m = max(1, n // share)
    asked, lent = aligned(*(np.sort(rng.choice(n, m, replace=False)).astype(np.int32) for _ in range(2)))
    problem = random_problem(n, seed, videos=n // 2, answers=n).between(asked, lent, draw=seed)
    found = solve_matching(problem)
    matched = found.columns != np.arange(n)
    assert set(np.flatnonzero(matched)) <= set(asked)
    assert set(found.columns[matched]) <= set(lent)
    assert len(set(found.columns[matched])) == matched.sum()
    weights = np.nan_to_num(dense_rows_of(problem), neginf=-1e6)
    np.fill_diagonal(weights, np.maximum(np.diag(weights), UNMATCHED))
    best = weights[linear_sum_assignment(weights, maximize=True)].sum()
    assert best - 1e-3 <= found.upper_bound
    assert found.value <= best + 1e-3
    assert found.gap <= 1e-4


def test_another_draw_is_another_matching_of_the_same_odds() -> None:
    problem = random_problem(200, 3, videos=100, answers=200, temperature=1.0)
    everybody = problem.recipients
    first, again, other = (solve_matching(problem.between(everybody, everybody, draw)) for draw in (1, 1, 2))
    assert np.array_equal(first.columns, again.columns)
    assert (first.columns != other.columns).mean() > 0.3
    drawn, plain = (dense_rows_of(replace(problem, temperature=scale)) for scale in (1.0, 0.0))
    legal = np.isfinite(plain)
    noise = drawn[legal] - plain[legal]
    assert noise.mean() == pytest.approx(0.5772, abs=0.03)  # Euler's constant
    assert noise.var() == pytest.approx(np.pi**2 / 6, rel=0.05)


@settings(max_examples=25)
@given(st.integers(30, 120), st.integers(0, 1000))
def test_three_rounds_use_every_answer_three_times_and_only_legal_pairs(n: int, seed: int) -> None:
    problem = random_problem(n, seed, videos=n // 2, answers=n)
    prices = None
    for _ in range(3):
        found = solve_matching(problem, prices=prices)
        matched = found.columns != np.arange(n)
        legal = dense(problem)[np.arange(n), found.columns]
        assert (legal[matched] > -1e5).all()
        problem, prices = problem.after(found.columns), found.prices
    uses = np.bincount(problem.assigned[problem.assigned >= 0], minlength=n)
    assert uses.max() <= 3
    if (problem.assigned >= 0).all():
        assert (uses == 3).all()
    for row in range(n):
        given_answers = problem.answer_id[problem.assigned[row][problem.assigned[row] >= 0]]
        assert len(set(given_answers)) == len(given_answers)
        assert problem.answer_id[row] not in given_answers


@settings(max_examples=25)
@given(st.integers(2, 80), st.integers(0, 1000), st.integers(1, 20))
def test_any_prices_bound_every_legal_matching(n: int, seed: int, width: int) -> None:
    problem = random_problem(n, seed, videos=10, answers=n)
    prices = np.random.default_rng(seed).normal(size=n)
    priced = price(problem, prices, min(width, n), np.full(n, -np.inf), np.full(n, -np.inf))
    matrix = dense(problem)
    matrix[np.arange(n), np.arange(n)] = -1e6
    best = (matrix - prices).max(axis=1)
    some = best > -1e5
    assert priced.best[some] == pytest.approx(best[some], abs=1e-4)
    assert not np.isfinite(priced.best[~some]).any()


@settings(max_examples=25)
@given(st.integers(2, 80), st.integers(0, 1000), st.integers(1, 20))
def test_what_a_pass_keeps_tells_the_next_nothing_new(n: int, seed: int, width: int) -> None:
    """Weights that stand from the passes before are those that a pass without memory finds, to the last bit."""
    problem, rng = random_problem(n, seed, videos=10, answers=n, temperature=1.0), np.random.default_rng(seed)
    kept, low = keep_ceilings(problem), np.full(n, -np.inf)
    assert kept is not None
    for _ in range(4):
        prices = rng.normal(scale=2.0, size=n)
        with_memory = price(problem, prices, min(width, n), low, low, kept)
        without = price(problem, prices, min(width, n), low, low)
        assert np.array_equal(with_memory.columns, without.columns)
        assert np.array_equal(with_memory.weights, without.weights)
        assert np.array_equal(with_memory.best, without.best)
    assert any(block.exact.any() for block in kept) == bool((without.columns >= 0).any())


def test_what_says_the_same_in_another_name_is_neither_listed_nor_lent() -> None:
    """The names of the answers differ, so that only their profiles tell; on the second pass by what the first kept."""
    n = 80
    problem = replace(random_problem(n, 3, videos=80, answers=8), answer_id=np.arange(n, dtype=np.int32))
    legal, low, kept = np.isfinite(dense_rows_of(problem)), np.full(n, -np.inf), keep_ceilings(problem)
    assert n < (~legal).sum() < n * n / 2
    for _ in range(2):
        listed = np.zeros((n, n), bool)
        priced = price(problem, np.zeros(n), n, low, low, kept)
        rows, slots = np.nonzero(priced.columns >= 0)
        listed[rows, priced.columns[rows, slots]] = True
        assert np.array_equal(listed, legal)
    columns = solve_matching(problem).columns
    assert all(legal[row, column] for row, column in enumerate(columns) if column != row)


@pytest.mark.parametrize("jobs", [2, 4])
def test_threads_do_not_reach_the_result(jobs: int) -> None:
    problem = random_problem(700, 1, videos=200, answers=500)
    alone = solve_matching(problem)
    with joblib.parallel_config(backend="threading", n_jobs=jobs):
        together = solve_matching(problem)
    assert np.array_equal(alone.columns, together.columns)
    assert alone.upper_bound == together.upper_bound


def test_a_pair_is_as_similar_as_the_nearest_of_the_answers_that_the_question_has() -> None:
    """Its right answer, and whatever the earlier rounds gave it: a rewording of one of them is no new answer."""
    n = 60
    problem = random_problem(n, 5, videos=30, answers=60, temperature=0.0)
    rounds = np.random.default_rng(0).permuted(np.tile(np.arange(n), (2, 1)), axis=1)
    for columns in rounds:
        problem = problem.after(columns.astype(np.int32))
    cosines = problem.embeddings @ problem.embeddings.T
    relevance = relevance_of(problem)
    found, legal = dense_rows_of(problem), 0
    for i, j in np.argwhere(np.isfinite(found)):
        nearest = max(cosines[k, j] for k in [i, *problem.assigned[i][problem.assigned[i] >= 0]])
        expected = (
            relevance[i, j]
            + problem.bias
            - problem.lambda_ * np.logaddexp(0, problem.similarity_slope * nearest + problem.similarity_bias)
        )
        assert found[i, j] == pytest.approx(expected, abs=1e-3)
        legal += 1
    assert legal > n


def test_nothing_legal_leaves_everybody_unmatched() -> None:
    found = solve_matching(random_problem(20, 0, videos=1, answers=20))
    assert np.array_equal(found.columns, np.arange(20))
    assert found.gap <= 1e-4


def test_a_legal_pair_weighs_what_the_formula_says() -> None:
    problem = random_problem(60, 7, videos=30, answers=60, temperature=0.0).after(np.roll(np.arange(60), 1))
    cosines = problem.embeddings @ problem.embeddings.T
    cosines = np.maximum(cosines, cosines[problem.assigned[:, 0]])
    similar = 1 / (1 + np.exp(-(12.0 * cosines - 7.2)))
    found = np.vstack([dense_rows(problem, np.array([row], np.int32)) for row in range(60)])
    legal = np.isfinite(found)
    assert legal.sum() > 1000
    assert found[legal] == pytest.approx((relevance_of(problem) - 2 + 0.5 * np.log(1 - similar))[legal], abs=1e-4)
