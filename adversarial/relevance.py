"""P_rel(q, a): how well an answer goes with a question, learnt on the corpus itself and applied out of fold.

A dual encoder over sentence embeddings: one linear map for questions, one for answers, trained so that a question
finds its own right answer among those of other questions (InfoNCE in both directions). Question i is read by the
encoder that never saw its video, so its own right answer has told it nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_DIM = 128
_EPOCHS = 30
_BATCH = 256
_RATE = 2e-3
_DROPOUT = 0.4
_LEARNT_FROM = 100  # questions: below this the plain embeddings generalise better than anything learnt
_PLAIN_SLOPE, _PLAIN_BIAS = 11.6, -2.67  # logistic calibration of MiniLM's cosine on How2QA


@dataclass(frozen=True)
class Relevance:
    """``P_rel = sigmoid(slope * questions[i] . answers[part[i], j] + bias)``, see pool.py for the shapes."""

    questions: Floats
    answers: Floats
    part: Ints
    slope: float
    bias: float


def learn(questions: Floats, answers: Floats, answer_id: Ints, part: Ints, seed: int) -> Relevance:
    """The calibrated relevance of n questions to n right answers; embeddings [n, D] of unit length."""
    n = len(questions)
    parts = int(part.max()) + 1
    if n < _LEARNT_FROM or parts < 2:
        return Relevance(questions, answers[None], np.zeros(n, np.int32), _PLAIN_SLOPE, _PLAIN_BIAS)
    read = np.empty((n, _DIM), np.float32)
    seen = np.empty((parts, n, _DIM), np.float32)
    for index in range(parts):
        rest = part != index
        encoder = _train(questions[rest], answers[rest], answer_id[rest], seed + index)
        read[~rest] = _apply(questions[~rest], encoder[0], encoder[1])
        seen[index] = _apply(answers, encoder[2], encoder[3])
    slope, bias = _calibrate(read, seen, part, answer_id, seed)
    return Relevance(read, seen, part, slope, bias)


def _apply(vectors: Floats, weight: Floats, bias: Floats) -> Floats:
    mapped = vectors @ weight + bias
    return mapped / np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), 1e-12)


def _train(questions: Floats, answers: Floats, answer_id: Ints, seed: int) -> tuple[Floats, ...]:
    """(question map, its bias, answer map, its bias), on one thread so that the result repeats."""
    import torch
    from torch.nn import functional

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    noise = torch.Generator().manual_seed(seed)
    start = torch.linalg.qr(torch.randn(questions.shape[1], _DIM, generator=noise))[0]
    maps = [start.clone(), torch.zeros(_DIM), start.clone(), torch.zeros(_DIM)]
    scale = torch.tensor(np.log(10.0), dtype=torch.float32)
    for tensor in (*maps, scale):
        tensor.requires_grad_()
    optimiser = torch.optim.AdamW(
        [{"params": maps, "weight_decay": 1e-2}, {"params": [scale], "weight_decay": 0.0}], lr=_RATE
    )
    all_q, all_a, names = (torch.from_numpy(array) for array in (questions, answers, answer_id))
    steps = _EPOCHS * -(-len(questions) // _BATCH)
    done = 0
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(questions), generator=noise).split(_BATCH):
            for group in optimiser.param_groups:
                group["lr"] = _RATE * max(0.02, 1 - done / steps)
            done += 1
            kept_q = torch.rand(len(batch), all_q.shape[1], generator=noise) > _DROPOUT
            kept_a = torch.rand(len(batch), all_a.shape[1], generator=noise) > _DROPOUT
            u = functional.normalize((all_q[batch] * kept_q / (1 - _DROPOUT)) @ maps[0] + maps[1], dim=1)
            v = functional.normalize((all_a[batch] * kept_a / (1 - _DROPOUT)) @ maps[2] + maps[3], dim=1)
            equal = names[batch][:, None] == names[batch][None]
            equal.fill_diagonal_(False)  # another question's equal answer is no negative
            logits = (scale.exp() * u @ v.T).masked_fill(equal, -1e4)
            truth = torch.arange(len(batch))
            loss = functional.cross_entropy(logits, truth) + functional.cross_entropy(logits.T, truth)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    torch.set_num_threads(threads)
    return tuple(tensor.detach().numpy() for tensor in maps)


def _calibrate(read: Floats, seen: Floats, part: Ints, answer_id: Ints, seed: int) -> tuple[float, float]:
    """Logistic slope and bias on true pairs against random pairs, all out of fold, both kinds weighing the same."""
    rng = np.random.default_rng(seed)
    n = len(read)
    own = np.arange(n)
    others = rng.integers(0, n, size=(n, 20))
    true = np.einsum("ij,ij->i", read, seen[part, own])
    false = np.stack([np.einsum("ij,ij->i", read, seen[part, column]) for column in others.T], axis=1)
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
