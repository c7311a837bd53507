"""Which written negatives a blind model finds easiest: judged out of fold by a model that only the building uses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adversarial import listwise
from adversarial.items import Item
from adversarial.text import words

Floats = NDArray[np.float32]

_LEARNT_FROM = 60  # questions: with fewer the cosine of question and option has to do
_TRAINING = listwise.Training(epochs=20, decay=0.1)


def option_scores(
    items: Sequence[Item], questions: Floats, options: Floats, part: NDArray[np.int32], seed: int
) -> Floats:
    """How right every option looks to a blind model that never saw the question's video; [n, o], NaN for none.

    ``questions`` [n, D] and ``options`` [n, o, D] are sentence embeddings, NaN where there is no such option.
    """
    cosine = np.einsum("nd,nod->no", questions, options)
    if len(items) < _LEARNT_FROM or part.max() == 0:
        return cosine
    features = _features(items, questions, options, cosine)
    right = np.array([item.answer_idx for item in items])
    scores = np.full(cosine.shape, np.nan, np.float32)
    for index in range(int(part.max()) + 1):
        rest = part != index
        scores[~rest] = listwise.fit_predict(features[rest], right[rest], features[~rest], seed + index, _TRAINING)
    scores[np.isnan(cosine)] = np.nan
    return scores


def _features(items: Sequence[Item], questions: Floats, options: Floats, cosine: Floats) -> Floats:
    count = options.shape[1]
    lengths = np.full((len(items), count, 2), np.nan, np.float32)
    for row, item in enumerate(items):
        for option, answer in enumerate(item.answers):
            lengths[row, option] = np.log1p(len(words(answer))), np.log1p(len(answer))
    asked = np.repeat(questions[:, None], count, axis=1)
    odd = options - np.nanmean(options, axis=1, keepdims=True)  # how an option differs from the set
    spread = np.linalg.norm(odd, axis=2, keepdims=True)
    parts = (options, asked, asked * options, odd, spread, cosine[:, :, None], lengths)
    return np.concatenate(parts, axis=2).astype(np.float32)


def easiest(items: Sequence[Item], scores: Floats, count: int) -> NDArray[np.int32]:
    """The ``count`` wrong options of every item that look least right; [n, count], easiest first."""
    wrong = scores.copy()
    wrong[np.arange(len(items)), [item.answer_idx for item in items]] = np.inf
    wrong[np.isnan(wrong)] = np.inf
    return np.argsort(wrong, axis=1, kind="stable")[:, :count].astype(np.int32)
