"""The strongest guesser that we know for a hidden QA board: it sends what will tell it most, given all it was shown.

Truth: n questions, four equally likely options each. A try is a guess at every question, [n] options; what comes back
is its number of right answers, rounded as evaluation.metrics.disclosure has it. Questions that had the same guesses so
far are exchangeable, so going through the ways to split each such group over the options is going through all tries
there are: every step is the best one, computed exactly.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import disclosure

OPTIONS = range(4)
Try = tuple[int, ...]  # [n] guessed options
Tries = tuple[Try, ...]
Shown = tuple[int, ...]  # for each try, which of the values that can be shown came back


def shown_of(right: int, n: int) -> int:
    """Which value is shown for so many right answers, counted from 0."""
    value = disclosure.rounded(right / n * 100, n)
    assert value is not None
    return round(value / disclosure.step(n))


@functools.cache
def chances(tries: Tries) -> NDArray[np.float64]:
    """[V] * t: probability of each combination of shown values."""
    return _fold(_counts(tries), len(tries[0]))


def next_try(tries: Tries, shown: Shown, n: int) -> Try:
    """The try whose shown value is the least certain."""
    return max(_candidates(tries, n), key=lambda guess: _entropy(chances((*tries, guess))[shown]))


def marginals(tries: Tries, shown: Shown) -> NDArray[np.float64]:
    """[n, 4] probability of each answer, given what was shown."""
    n = len(tries[0])
    by_pattern = {pattern: _marginal(tries, shown, pattern) for pattern in set(zip(*tries, strict=True))}
    return np.array([by_pattern[pattern] for pattern in zip(*tries, strict=True)]).reshape(n, len(OPTIONS))


def outlook(n: int, most: int, tries: Tries = (), shown: Shown = ()) -> tuple[float, float]:
    """(bits learnt, answers right in the end), expected over all truths, of `most` tries by this strategy."""
    if len(tries) == most:
        return 0.0, float(marginals(tries, shown).max(axis=1).sum())
    guess = next_try(tries, shown, n)
    after = chances((*tries, guess))[shown]
    bits, right = _entropy(after), 0.0
    for value, chance in enumerate(after / after.sum()):
        if chance > 0:
            more, ends = outlook(n, most, (*tries, guess), (*shown, value))
            bits, right = bits + chance * more, right + chance * ends
    return bits, right


def _candidates(tries: Tries, n: int) -> Iterator[Try]:
    """Every try, but for the naming of options that were never guessed and the order of questions of one group."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for question in range(n):
        groups.setdefault(tuple(one[question] for one in tries), []).append(question)
    ways = [_shares(len(questions), _distinct(pattern)) for pattern, questions in groups.items()]
    for choice in itertools.product(*ways):
        guess = np.empty(n, int)
        for questions, options in zip(groups.values(), choice, strict=True):
            guess[questions] = options
        yield tuple(guess.tolist())


def _distinct(pattern: tuple[int, ...]) -> list[int]:
    """The options guessed so far, and one that was not."""
    fresh = [option for option in OPTIONS if option not in pattern]
    return sorted(set(pattern)) + fresh[:1]


def _shares(size: int, options: list[int]) -> list[Try]:
    return list(itertools.combinations_with_replacement(options, size))


def _counts(tries: Tries) -> NDArray[np.float64]:
    """[n + 1] * t: probability of each combination of right answers."""
    n, t = len(tries[0]), len(tries)
    table = np.zeros((n + 1,) * t)
    table[(0,) * t] = 1.0
    for pattern in zip(*tries, strict=True):
        table = sum(_moved(table, pattern, option) for option in OPTIONS) / len(OPTIONS)
    return table


def _moved(table: NDArray[np.float64], pattern: tuple[int, ...], option: int) -> NDArray[np.float64]:
    """The table after a question whose answer is `option`: the tries that guessed it have one more right."""
    hit = [axis for axis, guess in enumerate(pattern) if guess == option]
    return np.roll(table, 1, axis=hit) if hit else table  # the last row is empty before the last question


def _marginal(tries: Tries, shown: Shown, pattern: tuple[int, ...]) -> NDArray[np.float64]:
    """[4] probability of each answer of a question that had these guesses."""
    n, place = len(tries[0]), list(zip(*tries, strict=True)).index(pattern)
    others = tuple(one[:place] + one[place + 1 :] for one in tries)
    table = np.pad(_counts(others), [(0, 1)] * len(tries))
    weights: NDArray[np.float64] = np.array([_fold(_moved(table, pattern, option), n)[shown] for option in OPTIONS])
    return weights / weights.sum()


def _fold(table: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Counts to shown values, along every axis."""
    starts = np.unique([shown_of(right, n) for right in range(n + 1)], return_index=True)[1]
    for axis in range(table.ndim):
        table = np.add.reduceat(table, starts, axis=axis)
    return table


def _entropy(weights: NDArray[np.float64]) -> float:
    total = weights.sum()
    return -sum(weight / total * math.log2(weight / total) for weight in weights.tolist() if weight > 0)
