"""A small network that scores the options of a question against each other (softmax over the options)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adversarial.learning.adamw import AdamW

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]

_BLOCK = 1024  # questions whose features are copied at once


@dataclass(frozen=True)
class Training:
    """One hidden layer of rectified units beside a straight linear path."""

    hidden: int = 64
    epochs: int = 15
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.1
    dropout: float = 0.4


def standardise(features: Floats, present: Bools) -> None:
    """``features`` [n, o, F] in place, of mean 0 and spread 1 over the options that are there; 0 elsewhere."""
    count = present.sum()
    features[~present] = 0
    features -= (features.sum(axis=(0, 1), dtype=np.float64) / count).astype(np.float32)
    features[~present] = 0
    features /= np.sqrt(np.einsum("nof,nof->f", features, features) / np.float32(count)) + np.float32(1e-3)


def fit_predict(
    features: Floats,
    visible: Bools,
    train: Rows,
    right: Rows,
    test: Rows,
    seed: int,
    training: Training = Training(),
) -> Floats:
    """Log-probability of every option of the test questions, [len(test), o].

    ``features`` [n, o, F] as ``standardise`` leaves them, of all questions; ``visible`` [n, o] are the options that are
    there; ``right[i]`` is the place of the right option of ``train[i]``.
    """
    rng = np.random.default_rng(seed)
    _, options, width = features.shape
    net = _Net(width, training.hidden, rng)
    steps = training.epochs * -(-len(train) // training.batch)
    optimiser = AdamW(net.params, training.rate, [training.decay] * len(net.params), steps)
    for _ in range(training.epochs):
        order = rng.permutation(len(train))
        for start in range(0, len(order), training.batch):
            batch = order[start : start + training.batch]
            rows = train[batch]
            x = features[rows]
            x *= _mask((len(batch), 1, width), training.dropout, rng)
            hidden_mask = _mask((len(batch), options, training.hidden), training.dropout, rng)
            optimiser.step(net.gradients(x, visible[rows], right[batch], hidden_mask))
    blocks = [test[start : start + _BLOCK] for start in range(0, len(test), _BLOCK)]
    return np.concatenate([net.log_chances(features[rows], visible[rows]) for rows in blocks])


def _mask(shape: tuple[int, ...], dropout: float, rng: np.random.Generator) -> Floats:
    kept = rng.random(shape, np.float32) >= dropout
    return kept.astype(np.float32) / np.float32(1 - dropout)


class _Net:
    def __init__(self, width: int, hidden: int, rng: np.random.Generator) -> None:
        self.first = (rng.standard_normal((width, hidden)) / width**0.5).astype(np.float32)
        self.offset = np.zeros(hidden, np.float32)
        self.last = (rng.standard_normal(hidden) / hidden**0.5).astype(np.float32)
        self.straight = np.zeros(width, np.float32)
        self.params = [self.first, self.offset, self.last, self.straight]

    def log_chances(self, x: Floats, present: Bools) -> Floats:
        """[b, o] for scaled features [b, o, F]."""
        logits = np.maximum(x @ self.first + self.offset, 0) @ self.last + x @ self.straight
        return _log_softmax(logits, present)

    def gradients(self, x: Floats, present: Bools, right: Rows, hidden_mask: Floats) -> list[Floats]:
        """Of the mean cross-entropy of a batch [b, o, F], with dropout masks already drawn."""
        raw = x @ self.first + self.offset
        hidden = np.maximum(raw, 0) * hidden_mask
        slack = np.exp(_log_softmax(hidden @ self.last + x @ self.straight, present))
        slack[np.arange(len(x)), right] -= 1
        slack /= np.float32(len(x))
        flat, flat_slack = x.reshape(-1, x.shape[2]), slack.ravel()
        back = (slack[:, :, None] * self.last * hidden_mask * (raw > 0)).reshape(-1, hidden.shape[2])
        return [
            flat.T @ back,
            back.sum(axis=0),
            hidden.reshape(-1, hidden.shape[2]).T @ flat_slack,
            flat.T @ flat_slack,
        ]


def _log_softmax(logits: Floats, present: Bools) -> Floats:
    masked = np.where(present, logits, np.float32(-1e4))
    masked = masked - masked.max(axis=1, keepdims=True)
    out: Floats = masked - np.log(np.exp(masked).sum(axis=1, keepdims=True))
    return out
