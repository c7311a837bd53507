"""Partial-input baselines: models that answer without the video.

Every one is trained anew on options made as those that it is tested on, and tested on other videos. Those of words and
characters share no feature with the matching (see option_features). Those on sentence embeddings do: an adversary who
was not invited may read what the matching reads, and a set of options gives away what no single option does.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax

from adversarial.audit.option_features import STYLE, OptionTable, answer_words, crossed_words, latent, read
from adversarial.audit.set_features import Features, rules, set_features
from adversarial.audit.splits import AuditSplit
from adversarial.data.schema import Item
from adversarial.learning import option_mlp
from adversarial.relevance.likeness import Texts

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]

TRAINED = ("answer_only", "question_answer", "option_set", "hashed_words", "sentence_set", "trees")
_CENTRAL = 2  # columns: how an option lies among the others
_PENALTY = 0.5  # inverse strength of the linear models' ridge
_TREES = {"max_iter": 150, "learning_rate": 0.05, "max_leaf_nodes": 15, "min_samples_leaf": 20, "l2_regularization": 1}


def linear(features: sparse.csr_matrix, options: OptionTable, split: AuditSplit) -> Scores:
    """Scores [n_test, o] of a ridge-penalised softmax over each item's options; ``features`` [options, F]."""
    visible = options.present & ~split.hidden
    seen = options.flat[split.train]
    slots = np.where(visible[split.train], seen, -1)
    rows = features[np.maximum(slots, 0).ravel()]
    used, place = np.unique(rows.indices, return_inverse=True)  # the penalty leaves the others at 0
    rows = sparse.csr_matrix((rows.data, place, rows.indptr), (rows.shape[0], len(used)))
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

    start = np.zeros(len(used))
    weights = np.zeros(features.shape[1])
    weights[used] = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60, "maxcor": 5}).x
    tested = features[np.maximum(options.flat[split.test], 0).ravel()] @ weights
    return np.where(options.present[split.test], tested.reshape(len(split.test), -1), -np.inf)


def network(features: Floats, options: OptionTable, split: AuditSplit, seed: int) -> Scores:
    """Scores [n_test, o] of a small network; ``features`` [n, o, F], standardised."""
    visible = options.present & ~split.hidden
    visible[split.test] = options.present[split.test]
    right = options.right[split.train]
    scores = option_mlp.fit_predict(features, visible, split.train, right, split.test, seed)
    return np.where(options.present[split.test], scores, -np.inf)


def trees(features: Features, options: OptionTable, split: AuditSplit, seed: int) -> Scores:
    """Log-chances [n_test, o] of gradient-boosted trees that see one option at a time; ``features`` [n, o, F]."""
    seen = (options.present & ~split.hidden)[split.train]
    right = np.arange(seen.shape[1]) == options.right[split.train][:, None]
    model = boosted(features[split.train][seen], right[seen], seed)
    chance = model.predict_proba(features[split.test].reshape(-1, features.shape[2]))[:, 1]
    return np.where(options.present[split.test], np.log(chance).reshape(len(split.test), -1), -np.inf)


def boosted(features: Features, labels: NDArray[np.bool_], seed: int) -> "HistGradientBoostingClassifier":
    """Trees fitted to features [m, F] and labels [m]."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed, early_stopping=False, **_TREES).fit(features, labels)


def predict(
    items: Sequence[Item],
    splits: Sequence[AuditSplit],
    seed: int,
    texts: Texts,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Scores]:
    """Every model's scores [n, o], -inf where there is no such option; each from a model that never saw the video."""
    options = read(items)
    models = _models(options, texts, seed)
    scores = {name: np.full(options.present.shape, -np.inf) for name in models}
    for number, split in enumerate(splits):
        for step, (name, model) in enumerate(models.items()):
            scores[name][split.test] = model(split)
            if progress:
                progress((number + (step + 1) / len(models)) / len(splits))
    return scores


def _models(options: OptionTable, texts: Texts, seed: int) -> Mapping[str, Callable[[AuditSplit], Scores]]:
    """The members that learn, the traits that are tried alone, and the rules that nobody trains."""
    only, crossed, plain = answer_words(options), crossed_words(options), set_features(options, texts)
    topics, meanings = latent(options, seed), _meanings(options, texts)
    whole, sentences = (_network_features(options, *vectors) for vectors in (topics, meanings))
    central = whole[:, :, -_CENTRAL:].copy()
    for features in (whole, sentences):
        option_mlp.standardise(features, options.present)
    pair = whole[:, :, : -_CENTRAL - topics[0].shape[1]]
    learned: dict[str, Callable[[AuditSplit], Scores]] = {
        "answer_only": lambda split: linear(only, options, split),
        "question_answer": lambda split: network(pair, options, split, seed),
        "option_set": lambda split: network(whole, options, split, seed + 1),
        "hashed_words": lambda split: linear(crossed, options, split),
        "sentence_set": lambda split: network(sentences, options, split, seed + 2),
        "trees": lambda split: trees(plain, options, split, seed),
    }
    place = np.broadcast_to(np.eye(pair.shape[1], dtype=np.float32), (*pair.shape[:2], pair.shape[1]))
    traits = {"length": _shape(options)[:, :, :6], "centrality": central, "position": place}
    for name, trait in traits.items():
        learned[name] = partial(linear, sparse.csr_matrix(trait[options.present]), options)
    for name, rule in rules(plain).items():
        learned[name] = partial(_tested, rule)
    return learned


def _tested(guess: Scores, split: AuditSplit) -> Scores:
    return guess[split.test]


def _meanings(options: OptionTable, texts: Texts) -> tuple[Floats, Floats]:
    """Sentence embeddings of questions [n, D] and options [n, o, D], 0 where there is none."""
    asked = texts.vectors([item.question for item in options.items])
    said = np.zeros((*options.present.shape, asked.shape[1]), np.float32)
    said[options.present] = texts.vectors([answer for item in options.items for answer in item.answers])
    return asked, said


def _network_features(options: OptionTable, asked: Floats, said: Floats) -> Floats:
    """[n, o, F] of an option with its question, then of these within the set; embeddings [n, D], [n, o, D].

    Of the set: D differences from the mean of the options, and _CENTRAL numbers.
    """
    n, most, d = said.shape
    found = np.empty((n, most, 4 * d + 1 + STYLE + _CENTRAL), np.float32)
    found[:, :, :d], found[:, :, d : 2 * d] = said, asked[:, None]
    fit = np.multiply(asked[:, None], said, out=found[:, :, 2 * d : 3 * d])
    found[:, :, 3 * d], found[:, :, 3 * d + 1 : 3 * d + 1 + STYLE] = fit.sum(axis=2), _shape(options)
    found[:, :, -d - _CENTRAL : -_CENTRAL] = said - said.mean(axis=1, keepdims=True)
    alike = np.einsum("nod,npd->nop", said, said)
    found[:, :, -2] = (alike.sum(axis=2) - 1) / max(1, most - 1)
    found[:, :, -1] = (alike - 2 * np.eye(most, dtype=np.float32)).max(axis=2)
    return found


def _shape(options: OptionTable) -> Floats:
    """[n, o, STYLE] surface, 0 where there is no option."""
    return np.where(options.present[:, :, None], options.surface[np.maximum(options.flat, 0)], 0).astype(np.float32)


def ensembles(
    scores: Mapping[str, Scores], members: Sequence[str], options: OptionTable, splits: Sequence[AuditSplit]
) -> dict[str, Scores]:
    """Scores [n, o] of members together: the mean of their log-chances, and weighed as the other splits teach.

    Stacking (Wolpert 1992): the weights for one split are fitted on what the members said of the others' questions.
    """
    chances = np.stack([log_softmax(scores[name], axis=1) for name in members], axis=2)
    average = chances.mean(axis=2)
    flat = sparse.csr_matrix(chances[options.present])
    stacked = average.copy()
    for split in splits:
        others = np.concatenate([np.zeros(0, np.int64), *(other.test for other in splits if other is not split)])
        if len(others):
            stacked[split.test] = linear(flat, options, AuditSplit(others, split.test, np.zeros_like(split.hidden)))
    return {"average": average, "stacked": stacked}
