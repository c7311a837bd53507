"""Guessing one question as it is being written: fitted once on collected questions, then asked in milliseconds.

The audit trains its members anew on every release; here one member (the trees over style and sentence meaning) is kept
in memory, and says what gives the right answer away in words that its writer can do something about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from adversarial.audit.artifacts import fits
from adversarial.audit.option_features import read
from adversarial.audit.partial_input import boosted
from adversarial.audit.set_features import set_features
from adversarial.data.schema import Item
from adversarial.relevance.likeness import SPACES, Texts, texts_of

FEWEST = 40  # questions from which trees learn anything
GUESSED = 0.5  # probability of the right answer from which the question counts as guessed (chance: .25)
LONGER = 1.3  # times as long as the longest wrong answer
CLOSER = 0.15  # cosine with the question above that of every wrong answer
_STYLE = 9  # columns before those of the first space
_SPACE = 10  # columns of a space

LONGEST = "the right answer is the longest"
NO_FIT = "the other answers do not fit the question"
WORDING = "the wording gives it away"


@dataclass(frozen=True)
class Guess:
    """Probability of the right answer without the film, 0 to 1, and why, where it is guessed (else empty)."""

    chance: float
    why: str


class BlindGuesser:
    """Fitted on questions (at least `FEWEST`; with fewer it knows two rules and no chances)."""

    def __init__(self, items: Sequence[Item], seed: int = 0) -> None:
        self._trees = None
        if len(items) >= FEWEST:
            features = _features(items)
            options = read(items)
            right = np.arange(options.present.shape[1]) == options.right[:, None]
            with threadpool_limits(1):
                self._trees = boosted(features[options.present], right[options.present], seed)

    def guess(self, question: str, answers: Sequence[str], right: int) -> Guess:
        """What the model makes of a question with the right answer at place `right`."""
        item = Item("live", "live", question, tuple(answers), right, "")
        features = _features([item])[0]
        chance = self._chance(features, right)
        why = _reason(item, features[:, _STYLE])
        if self._trees is None:
            return Guess(chance, why if why != WORDING else "")
        return Guess(chance, why if chance >= GUESSED else "")

    def _chance(self, features: NDArray[np.float64], right: int) -> float:
        if self._trees is None:
            return 1 / len(features)
        with threadpool_limits(1):
            chances = self._trees.predict_proba(features)[:, 1]
        return float(chances[right] / chances.sum())


def _features(items: Sequence[Item]) -> NDArray[np.float64]:
    """[n, o, 19]: style, likeness by meaning (the other space weighs words by a collection; one item is none)."""
    every = set_features(read(items), Texts(texts_of(items)))
    meaning = _STYLE + _SPACE * SPACES.index("MiniLM")
    return np.concatenate([every[:, :, :_STYLE], every[:, :, meaning : meaning + _SPACE]], axis=2)


def _reason(item: Item, likeness: NDArray[np.float64]) -> str:
    wrong = [answer for place, answer in enumerate(item.answers) if place != item.answer_idx]
    if len(item.correct) > LONGER * max(map(len, wrong)):
        return LONGEST
    closer = likeness[item.answer_idx] - np.delete(likeness, item.answer_idx).max() >= CLOSER
    unfit = sum(not fits(item.question, answer) for answer in wrong)
    if fits(item.question, item.correct) and (closer or unfit >= 2):
        return NO_FIT
    return WORDING
