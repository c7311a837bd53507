"""A small network that scores the options of a question against each other (softmax over the options)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Training:
    hidden: int = 64
    epochs: int = 12
    batch: int = 128
    rate: float = 2e-3
    decay: float = 1e-2
    dropout: float = 0.4


def fit_predict(
    train: Floats, right: NDArray[np.int64], test: Floats, seed: int, training: Training = Training()
) -> Floats:
    """Log-probability of every option of the test questions, [m, o].

    ``train`` [n, o, F] and ``test`` [m, o, F] hold the options' features, NaN in all of F where a question has
    fewer options; ``right`` [n] is the index of the right one. One thread, so that the result repeats.
    """
    import torch
    from torch import nn

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    noise = torch.Generator().manual_seed(seed)
    width = train.shape[2]
    centre = np.nanmean(train, axis=(0, 1))
    spread = np.nanstd(train, axis=(0, 1)) + 1e-3

    def ready(features: Floats) -> tuple[torch.Tensor, torch.Tensor]:
        absent = np.isnan(features[:, :, 0])
        scaled = np.where(absent[:, :, None], 0, (features - centre) / spread).astype(np.float32)
        return torch.from_numpy(scaled), torch.from_numpy(absent)

    first = torch.randn(width, training.hidden, generator=noise) * (1 / width) ** 0.5
    last = torch.randn(training.hidden, 1, generator=noise) * (1 / training.hidden) ** 0.5
    straight = torch.zeros(width, 1)
    offset = torch.zeros(training.hidden)
    params = [first, last, straight, offset]
    for tensor in params:
        tensor.requires_grad_()
    optimiser = torch.optim.AdamW(params, lr=training.rate, weight_decay=training.decay)

    def score(x: torch.Tensor, absent: torch.Tensor, learning: bool) -> torch.Tensor:
        if learning:
            keep = torch.rand(x.shape[0], 1, width, generator=noise) > training.dropout
            x = x * keep / (1 - training.dropout)
        hidden = torch.relu(x @ first + offset)
        if learning:
            keep = torch.rand(hidden.shape, generator=noise) > training.dropout
            hidden = hidden * keep / (1 - training.dropout)
        logits = (hidden @ last + x @ straight).squeeze(2)
        return nn.functional.log_softmax(logits.masked_fill(absent, -1e4), dim=1)

    x_all, absent_all = ready(train)
    y_all = torch.from_numpy(right)
    steps, done = training.epochs * -(-len(train) // training.batch), 0
    for _ in range(training.epochs):
        for batch in torch.randperm(len(train), generator=noise).split(training.batch):
            for group in optimiser.param_groups:
                group["lr"] = training.rate * max(0.02, 1 - done / steps)
            done += 1
            loss = nn.functional.nll_loss(score(x_all[batch], absent_all[batch], True), y_all[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        out: Floats = score(*ready(test), False).numpy()
    torch.set_num_threads(threads)
    return out
