"""The same frame gives the same vector whatever stands beside it: batches of a fixed size, on one thread."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

BATCH = 8


def in_batches(
    frames: NDArray[np.uint8], encode_batch: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Vectors [N, dim] of N frames, one or more, BATCH at a time (the last filled up), by inference on one thread.

    Another number of frames or threads sums in another order. Raises ValueError unless they are uint8 [N, H, W, 3].
    """
    import torch

    _check(frames)
    spare = -len(frames) % BATCH
    filled = np.concatenate([frames, np.zeros((spare, *frames.shape[1:]), np.uint8)])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            vectors = [encode_batch(filled[first : first + BATCH]) for first in range(0, len(filled), BATCH)]
    finally:
        torch.set_num_threads(threads)
    return np.concatenate(vectors)[: len(frames)]


def _check(frames: NDArray[np.uint8]) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError(f"frames must be uint8 [N, H, W, 3], got {frames.dtype} {list(frames.shape)}")
