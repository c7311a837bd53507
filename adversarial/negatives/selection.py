"""Which written negatives are replaced first: the ones that models without the video find least plausible.

Every question is read out of fold, by all partial-input models together: what one of them answers easily, another
misses, and who attacks a release may use any.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from adversarial.audit.option_features import read
from adversarial.audit.partial_input import TRAINED, ensembles, predict
from adversarial.audit.splits import audit_splits
from adversarial.data.schema import Item
from adversarial.learning.group_kfold import group_folds
from adversarial.matching.kernels import SAME
from adversarial.relevance.likeness import Texts
from adversarial.text import answer_equivalence

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_LEARNED_FROM = 60  # questions: with fewer the cosine of question and option has to do
_LEARNED_TO = 5_000  # questions that learn from each other: more do not make the models better, only slower
_FOLDS = 5


def option_scores(items: Sequence[Item], texts: Texts, seed: int) -> Floats:
    """How right every option looks to the partial-input models, trained on other videos; [n, o], NaN for none."""
    scores = np.full((len(items), max(len(item.answers) for item in items)), np.nan, np.float32)
    videos = [item.video_id for item in items]
    if len(items) < _LEARNED_FROM or len(set(videos)) == 1:
        for row, item in enumerate(items):
            asked = [item.question] * len(item.answers)
            scores[row, : len(item.answers)] = texts.paired("MiniLM", asked, item.answers)
        return scores
    part = group_folds(videos, -(-len(items) // _LEARNED_TO), seed)
    for index in np.unique(part):
        rows = np.flatnonzero(part == index)
        known = _log_chances([items[row] for row in rows.tolist()], texts, seed)
        scores[rows, : known.shape[1]] = known
    scores[np.isinf(scores)] = np.nan
    return scores


def _log_chances(items: Sequence[Item], texts: Texts, seed: int) -> Floats:
    """[n, o] of the stacked models, -inf where there is no option."""
    options = read(items)
    splits = audit_splits(items, np.full(options.present.shape, -1), _FOLDS, seed)
    scores = predict(items, splits, seed, texts)
    together = ensembles(scores, TRAINED, options, splits)["stacked"]
    return log_softmax(np.where(options.present, together, -np.inf), axis=1).astype(np.float32)


def equal_written(item: Item) -> list[int]:
    """The written wrong options that say the same as the right one, or as one that a person refused."""
    said = (item.correct, *item.unwanted)
    return [
        option
        for option, answer in enumerate(item.answers)
        if option != item.answer_idx and any(answer_equivalence.compare_texts(answer, text) == SAME for text in said)
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
