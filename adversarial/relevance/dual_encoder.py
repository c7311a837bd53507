"""How well an answer goes with a question by meaning, learned on the corpus itself and applied out of fold.

A dual encoder over sentence embeddings: one linear map for questions, one for answers, trained so that a question
finds its own right answer among those of other questions (InfoNCE in both directions). Question i is read by the
encoder that never saw its video, so its own right answer has told it nothing.
"""

import numpy as np
from numpy.typing import NDArray

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


def learn(questions: Floats, answers: Floats, answer_id: Ints, fold: Ints, seed: int) -> tuple[Floats, Floats]:
    """Questions [n, d] as the encoder without their fold reads them, answers [k, n, d] as each fold's encoder does.

    Of unit length, as the embeddings [n, D] that they are made of.
    """
    n, dim = len(questions), min(_DIM, questions.shape[1])
    folds = int(fold.max()) + 1
    read = np.empty((n, dim), np.float32)
    seen = np.empty((folds, n, dim), np.float32)
    for index in range(folds):
        rest = fold != index
        encoder = _train(questions[rest], answers[rest], answer_id[rest], seed + index)
        read[~rest] = _apply(questions[~rest], encoder[0], encoder[1])
        seen[index] = _apply(answers, encoder[2], encoder[3])
    return read, seen


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
