"""AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019) for the few small maps trained here.

In numpy, as the gradients of the two networks that use it: on one thread they need 0.40 to 0.50 of the CPU of torch's
autograd (`python -m benchmarks.gradients`), and matching and audit train some forty of them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_BETA1, _BETA2, _TINY = 0.9, 0.999, 1e-8


class AdamW:
    """Moves float32 arrays in place; the rate falls in a straight line to 2 % over ``steps``."""

    def __init__(self, params: Sequence[Floats], rate: float, decay: Sequence[float], steps: int) -> None:
        self._params, self._rate, self._decay, self._steps = params, rate, decay, steps
        self._first = [np.zeros_like(param) for param in params]
        self._second = [np.zeros_like(param) for param in params]
        self._done = 0

    def step(self, gradients: Sequence[Floats]) -> None:
        """One update; ``gradients`` in the order of the parameters."""
        rate = self._rate * max(0.02, 1 - self._done / self._steps)
        self._done += 1
        lift1, lift2 = 1 - _BETA1**self._done, 1 - _BETA2**self._done
        for param, gradient, first, second, decay in zip(
            self._params, gradients, self._first, self._second, self._decay, strict=True
        ):
            first += (1 - _BETA1) * (gradient - first)
            second += (1 - _BETA2) * (gradient * gradient - second)
            param *= np.float32(1 - rate * decay)
            param -= np.float32(rate / lift1) * first / (np.sqrt(second / np.float32(lift2)) + np.float32(_TINY))
