"""Which written negatives are replaced first: the ones that a model without the video finds least plausible.

Every question is read out of fold.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adversarial.data.schema import Item
from adversarial.learning import option_mlp
from adversarial.matching.kernels import SAME
from adversarial.text import answer_equivalence

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_LEARNED_FROM = 60  # questions: with fewer the cosine of question and option has to do
_LEARNED_TO = 5_000  # questions: more do not make the model better, only slower
_TRAINING = option_mlp.Training(epochs=20, decay=0.1)


def option_scores(items: Sequence[Item], vectors: Floats, asked: Ints, options: Ints, fold: Ints, seed: int) -> Floats:
    """How right every option looks to a model without the video, trained on other videos; [n, o], NaN for none.

    ``vectors`` [texts, D] are sentence embeddings, ``asked`` [n] and ``options`` [n, o] say whose they are, -1
    where there is no such option.
    """
    n, count = options.shape

    def features_of(rows: NDArray[np.int64]) -> Floats:
        said = np.where(options[rows][:, :, None] >= 0, vectors[options[rows]], np.nan).astype(np.float32)
        question = np.repeat(vectors[asked[rows]][:, None], count, axis=1)
        odd = said - np.nanmean(said, axis=1, keepdims=True)  # how an option differs from the set
        fit = question * said
        far = np.linalg.norm(odd, axis=2, keepdims=True)
        near = fit.sum(axis=2, keepdims=True)
        return np.concatenate((said, question, fit, odd, far, near), axis=2)

    scores = np.full((n, count), np.nan, np.float32)
    if n < _LEARNED_FROM or fold.max() == 0:
        for row in range(n):
            scores[row] = vectors[options[row]] @ vectors[asked[row]]
    else:
        right = np.array([item.answer_idx for item in items])
        for index in range(int(fold.max()) + 1):
            test = np.flatnonzero(fold == index)
            train = np.random.default_rng(seed + index).permutation(np.flatnonzero(fold != index))[:_LEARNED_TO]
            scores[test] = option_mlp.fit_predict(features_of, train, right[train], test, seed + index, _TRAINING)
    scores[options < 0] = np.nan
    return scores


def equal_written(item: Item) -> list[int]:
    """The written wrong options that say the same as the right one."""
    return [
        option
        for option, answer in enumerate(item.answers)
        if option != item.answer_idx and answer_equivalence.compare_texts(answer, item.correct) == SAME
    ]


def ease(items: Sequence[Item], scores: Floats) -> NDArray[np.float64]:
    """[n] how easy each item is without the video; first of all those whose wrong answers say the same as the right."""
    found = np.array([scores[row, item.answer_idx] for row, item in enumerate(items)], np.float64)
    top = np.nanmax(np.append(found, 0.0))
    return np.nan_to_num(found, nan=0.0) + (top + 100) * np.array([len(equal_written(item)) for item in items])


def replacement_order(items: Sequence[Item], scores: Floats) -> Ints:
    """Every item's options, the wrong ones first, from the one that looks least right on; [n, o].

    Before all of these stand the ones that say the same as the right answer: they are no wrong answers.
    """
    wrong = scores.copy()
    for row, item in enumerate(items):
        wrong[row, equal_written(item)] = -np.inf
    wrong[np.arange(len(items)), [item.answer_idx for item in items]] = np.inf
    wrong[np.isnan(wrong)] = np.inf
    return np.argsort(wrong, axis=1, kind="stable").astype(np.int32)
