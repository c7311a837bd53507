"""P_rel(q, a): how well an answer goes with a question, learned on the corpus itself and applied out of fold.

A dual encoder over sentence embeddings: one linear map for questions, one for answers, trained so that a question
finds its own right answer among those of other questions (InfoNCE in both directions). Question i is read by the
encoder that never saw its video, so its own right answer has told it nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from adversarial.learning.adamw import AdamW

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_DIM = 128
_EPOCHS, _FEWEST_EPOCHS = 30, 6
_ENOUGH = 240_000  # questions shown in all: a large corpus needs fewer turns
_BATCH = 256
_RATE = 2e-3
_DECAY = 1e-2
_DROPOUT = 0.4
_LEARNED_FROM = 100  # questions: below this the plain embeddings generalise better than anything learned
_PLAIN_SLOPE, _PLAIN_BIAS = 11.6, -2.67  # logistic calibration of MiniLM's cosine on How2QA


@dataclass(frozen=True)
class Relevance:
    """``P_rel = sigmoid(slope * questions[i] . answers[fold[i], j] + bias)``, see MatchingProblem for the shapes."""

    questions: Floats
    answers: Floats
    fold: Ints
    slope: float
    bias: float


def learn(questions: Floats, answers: Floats, answer_id: Ints, fold: Ints, seed: int) -> Relevance:
    """The calibrated relevance of n questions to n right answers; embeddings [n, D] of unit length."""
    n = len(questions)
    folds = int(fold.max()) + 1
    if n < _LEARNED_FROM or folds < 2:
        return Relevance(questions, answers[None], np.zeros(n, np.int32), _PLAIN_SLOPE, _PLAIN_BIAS)
    dim = min(_DIM, questions.shape[1])
    read = np.empty((n, dim), np.float32)
    seen = np.empty((folds, n, dim), np.float32)
    for index in range(folds):
        rest = fold != index
        encoder = _train(questions[rest], answers[rest], answer_id[rest], seed + index)
        read[~rest] = _apply(questions[~rest], encoder[0], encoder[1])
        seen[index] = _apply(answers, encoder[2], encoder[3])
    slope, bias = _calibrate(read, seen, fold, answer_id, seed)
    return Relevance(read, seen, fold, slope, bias)


def _apply(vectors: Floats, weight: Floats, bias: Floats) -> Floats:
    mapped = vectors @ weight + bias
    return mapped / np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), 1e-12)


def _train(questions: Floats, answers: Floats, answer_id: Ints, seed: int) -> tuple[Floats, ...]:
    """(question map, its bias, answer map, its bias)."""
    rng = np.random.default_rng(seed)
    n, width = questions.shape
    dim = min(_DIM, width)
    start = np.linalg.qr(rng.standard_normal((width, dim)))[0].astype(np.float32)
    maps = (start.copy(), np.zeros(dim, np.float32), start.copy(), np.zeros(dim, np.float32))
    scale = np.full(1, np.log(10.0), np.float32)
    epochs = max(_FEWEST_EPOCHS, min(_EPOCHS, _ENOUGH // n))
    optimiser = AdamW((*maps, scale), _RATE, [_DECAY] * 4 + [0.0], epochs * -(-n // _BATCH))
    for _ in range(epochs):
        order = rng.permutation(n)
        for at in range(0, n, _BATCH):
            batch = order[at : at + _BATCH]
            asked, said = (_dropped(side[batch], rng) for side in (questions, answers))
            optimiser.step(_gradients(asked, said, answer_id[batch], maps, scale))
    return maps


def _dropped(vectors: Floats, rng: np.random.Generator) -> Floats:
    kept = rng.random(vectors.shape, np.float32) >= _DROPOUT
    return vectors * kept.astype(np.float32) / np.float32(1 - _DROPOUT)


def _gradients(asked: Floats, said: Floats, names: Ints, maps: tuple[Floats, ...], scale: Floats) -> list[Floats]:
    """Of InfoNCE in both directions, for the two maps, their biases and the log scale; asked, said [b, D]."""
    u, u_norm = _normal(asked @ maps[0] + maps[1])
    v, v_norm = _normal(said @ maps[2] + maps[3])
    times = np.exp(scale[0])
    cosines = u @ v.T
    equal = names[:, None] == names[None]  # another question's equal answer is no negative
    np.fill_diagonal(equal, False)
    logits = np.where(equal, np.float32(-1e4), times * cosines)
    slack = _softmax(logits, 1) + _softmax(logits, 0)
    slack[np.diag_indices(len(slack))] -= 2
    slack /= np.float32(len(slack))
    du = _through_norm(times * (slack @ v), u, u_norm)
    dv = _through_norm(times * (slack.T @ u), v, v_norm)
    d_scale = np.array([times * np.where(equal, 0, slack * cosines).sum()], np.float32)
    return [asked.T @ du, du.sum(axis=0), said.T @ dv, dv.sum(axis=0), d_scale]


def _normal(vectors: Floats) -> tuple[Floats, Floats]:
    norm = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-6))
    return vectors / norm, norm


def _through_norm(gradient: Floats, unit: Floats, norm: Floats) -> Floats:
    out: Floats = (gradient - (gradient * unit).sum(axis=1, keepdims=True) * unit) / norm
    return out


def _softmax(logits: Floats, axis: int) -> Floats:
    shifted = np.exp(logits - logits.max(axis=axis, keepdims=True))
    out: Floats = shifted / shifted.sum(axis=axis, keepdims=True)
    return out


def _calibrate(read: Floats, seen: Floats, fold: Ints, answer_id: Ints, seed: int) -> tuple[float, float]:
    """Logistic slope and bias on true pairs against random pairs, all out of fold, both kinds weighing the same."""
    rng = np.random.default_rng(seed)
    n = len(read)
    own = np.arange(n)
    others = rng.integers(0, n, size=(n, 20))
    true = np.einsum("ij,ij->i", read, seen[fold, own])
    false = np.stack([np.einsum("ij,ij->i", read, seen[fold, column]) for column in others.T], axis=1)
    false = false[answer_id[:, None] != answer_id[others]]
    scores = np.concatenate([true, false]).astype(np.float64)
    labels = np.concatenate([np.ones(len(true)), np.zeros(len(false))])
    mass = np.where(labels == 1, 1 / len(true), 1 / max(1, len(false)))

    def loss(params: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = params[0] * scores + params[1]
        slack = mass * (1 / (1 + np.exp(-z)) - labels)
        return float(mass @ (np.logaddexp(0, z) - labels * z)), np.array([slack @ scores, slack.sum()])

    slope, bias = minimize(loss, np.array([5.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.1, 50), (-30, 30)]).x
    return float(slope), float(bias)
