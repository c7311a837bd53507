"""Gradients written by hand against torch's own, for the two small networks of `adversarial`: CPU seconds in turn.

    python -m benchmarks.gradients

The same sizes, batches, epochs, dropout and optimiser, on one thread, on random vectors: 2,280 questions, what
each fold of the How2QA val file trains on.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.nn import functional

from adversarial.learning import option_mlp
from adversarial.relevance import dual_encoder

N, WIDTH, DIM = 2280, 384, 128


def by_hand_dual(asked: np.ndarray, said: np.ndarray, names: np.ndarray) -> None:
    fold = (np.arange(N) < 1).astype(np.int32)  # two folds: one of all but a question, one of that question
    dual_encoder.learn(asked, said, names, fold, 0)


def by_torch_dual(asked: np.ndarray, said: np.ndarray, names: np.ndarray) -> None:
    questions, answers, ids = (torch.from_numpy(array) for array in (asked, said, names))
    start = torch.linalg.qr(torch.randn(WIDTH, DIM))[0]
    maps = [start.clone().requires_grad_() for _ in range(2)]
    biases = [torch.zeros(DIM, requires_grad=True) for _ in range(2)]
    scale = torch.full((1,), 2.3, requires_grad=True)
    groups = [{"params": [*maps, *biases], "weight_decay": 1e-2}, {"params": [scale], "weight_decay": 0}]
    optimiser = torch.optim.AdamW(groups, lr=2e-3)
    for _ in range(30):
        for batch in torch.randperm(N).split(256):
            sides = [functional.dropout(side[batch], 0.4) for side in (questions, answers)]
            u, v = (
                functional.normalize(side @ weight + bias)
                for side, weight, bias in zip(sides, maps, biases, strict=True)
            )
            equal = (ids[batch][:, None] == ids[batch][None]).fill_diagonal_(False)
            logits, own = (scale.exp() * u @ v.T).masked_fill(equal, -1e4), torch.arange(len(batch))
            _step(optimiser, functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own))


def by_hand_options(features: np.ndarray, right: np.ndarray) -> None:
    table, visible = features.copy(), np.ones(features.shape[:2], bool)
    option_mlp.standardise(table, visible)
    option_mlp.fit_predict(table, visible, np.arange(N), right, np.arange(1), 0)


def by_torch_options(features: np.ndarray, right: np.ndarray) -> None:
    table, truth = torch.from_numpy(features), torch.from_numpy(right)
    table = (table - table.mean((0, 1))) / (table.std((0, 1)) + 1e-3)
    first, last = torch.nn.Linear(features.shape[2], 64), torch.nn.Linear(64, 1, bias=False)
    straight = torch.nn.Linear(features.shape[2], 1, bias=False)
    layers = torch.nn.ModuleList([first, last, straight])
    optimiser = torch.optim.AdamW(layers.parameters(), lr=2e-3, weight_decay=0.1)
    for _ in range(15):
        for batch in torch.randperm(N).split(128):
            x = functional.dropout(table[batch], 0.4)
            logits = last(functional.dropout(functional.relu(first(x)), 0.4)) + straight(x)
            _step(optimiser, functional.cross_entropy(logits[..., 0], truth[batch]))


def _step(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    rng = np.random.default_rng(0)
    vectors = [rng.standard_normal((N, WIDTH)).astype(np.float32) for _ in range(2)]
    asked, said = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in vectors)
    pairs = (asked, said, rng.integers(0, 1500, N).astype(np.int32))
    sets = (rng.standard_normal((N, 4, 1546)).astype(np.float32), rng.integers(0, 4, N))
    torch.set_num_threads(1)
    with threadpool_limits(1):
        _print("dual encoder", turns, lambda: by_hand_dual(*pairs), lambda: by_torch_dual(*pairs))
        _print("network of options", turns, lambda: by_hand_options(*sets), lambda: by_torch_options(*sets))


def _print(name: str, turns: int, *ways: Callable[[], None]) -> None:
    spent = np.empty((turns + 1, 2))
    for turn in range(turns + 1):  # the first warms up
        for column, way in enumerate(ways):
            began = time.process_time()
            way()
            spent[turn, column] = time.process_time() - began
    hand, torchs = np.median(spent[1:], axis=0)
    print(f"{name}: by hand {hand:.2f} CPU s, torch {torchs:.2f}, ratio {np.median(spent[1:, 0] / spent[1:, 1]):.2f}")


if __name__ == "__main__":
    main()
