"""Partial-input baselines: models that answer without the video, and share no model and no feature with the matching.

Every one is trained anew on the options that it is tested on, and tested on other videos. It reads words and
characters (see option_features), where the matching reads sentence embeddings.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from adversarial.audit.option_features import OptionTable, answer_words, crossed_words, read, surface, topics
from adversarial.audit.splits import AuditSplit
from adversarial.data.schema import Item
from adversarial.learning import option_mlp

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]

TRAINED = ("answer_only", "question_answer", "option_set", "hashed_words")
_PENALTY = 0.5  # inverse strength of the linear models' ridge


def linear(features: sparse.csr_matrix, options: OptionTable, split: AuditSplit) -> Scores:
    """Scores [n_test, o] of a ridge-penalised softmax over each item's options; ``features`` [options, F]."""
    visible = options.present & ~split.hidden
    seen = options.flat[split.train]
    slots = np.where(visible[split.train], seen, -1)
    rows = features[np.maximum(slots, 0).ravel()]
    turned = rows.T.tocsr()
    absent = slots < 0
    truth = (np.arange(len(slots)), options.right[split.train])

    def loss(weights: Scores) -> tuple[float, Scores]:
        logits = np.where(absent, -1e9, (rows @ weights).reshape(slots.shape))
        logits -= logits.max(axis=1, keepdims=True)
        chance = np.exp(logits)
        total = chance.sum(axis=1, keepdims=True)
        slack = chance / total
        value = np.log(total).sum() - logits[truth].sum() + weights @ weights / (2 * _PENALTY)
        slack[truth] -= 1
        return float(value), turned @ slack.ravel() + weights / _PENALTY

    start = np.zeros(features.shape[1])
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60, "maxcor": 5}).x
    tested = features[np.maximum(options.flat[split.test], 0).ravel()] @ weights
    return np.where(options.present[split.test], tested.reshape(len(split.test), -1), -np.inf)


def network(features: Floats, options: OptionTable, split: AuditSplit, seed: int) -> Scores:
    """Scores [n_test, o] of a small network; ``features`` [n, o, F]."""
    testing = np.zeros(len(features), bool)
    testing[split.test] = True
    visible = options.present & ~(split.hidden & ~testing[:, None])

    def features_of(rows: NDArray[np.int64]) -> Floats:
        return np.where(visible[rows][:, :, None], features[rows], np.float32(np.nan))

    scores = option_mlp.fit_predict(features_of, split.train, options.right[split.train], split.test, seed)
    return np.where(options.present[split.test], scores, -np.inf)


def predict(
    items: Sequence[Item], splits: Sequence[AuditSplit], seed: int, progress: Callable[[float], None] | None = None
) -> dict[str, Scores]:
    """Every model's scores [n, o], -inf where there is no such option; each from a model that never saw the video."""
    options = read(items)
    most = options.present.shape[1]
    asked, said = topics(options, seed)
    flat_surface = surface(options)
    shape = np.where(options.present[:, :, None], flat_surface[np.maximum(options.flat, 0)], 0).astype(np.float32)
    question = np.repeat(asked[:, None], most, axis=1)
    alike = np.einsum("nod,npd->nop", said, said)
    central = (alike.sum(axis=2, keepdims=True) - 1) / max(1, most - 1)
    nearest = (alike - 2 * np.eye(most, dtype=np.float32)).max(axis=2, keepdims=True)
    pair = np.concatenate([said, question, question * said, (question * said).sum(2, keepdims=True), shape], axis=2)
    whole = np.concatenate([pair, said - said.mean(axis=1, keepdims=True), central, nearest], axis=2)
    place = np.broadcast_to(np.eye(most, dtype=np.float32), (len(items), most, most))

    def flat(features: Floats) -> sparse.csr_matrix:
        return sparse.csr_matrix(features[options.present])

    only, crossed = answer_words(options), crossed_words(options)
    models: dict[str, Callable[[AuditSplit], Scores]] = {
        "answer_only": lambda split: linear(only, options, split),
        "question_answer": lambda split: network(pair, options, split, seed),
        "option_set": lambda split: network(whole, options, split, seed + 1),
        "hashed_words": lambda split: linear(crossed, options, split),
        "length": lambda split: linear(flat(shape[:, :, :6]), options, split),
        "centrality": lambda split: linear(flat(np.concatenate([central, nearest], 2)), options, split),
        "position": lambda split: linear(flat(place), options, split),
    }
    scores = {name: np.full((len(items), most), -np.inf) for name in models}
    for number, split in enumerate(splits):
        for step, (name, model) in enumerate(models.items()):
            scores[name][split.test] = model(split)
            if progress:
                progress((number + (step + 1) / len(models)) / len(splits))
    return scores
