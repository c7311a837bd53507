"""Temporal intersection over union, with the field's arithmetic.

Spans are [start, end] in seconds. The "union" is the hull max(end) - min(start): it equals the union wherever the
two overlap, and elsewhere the intersection is 0 anyway (TVRetrieval, standalone_eval). A hull of 0 gives 0.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evaluation.kernels.aot import helper


def tiou(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """IoU of spans [..., 2] with spans [..., 2] (broadcast), in float64."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    inter = np.maximum(0.0, np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]))
    hull = np.maximum(a[..., 1], b[..., 1]) - np.minimum(a[..., 0], b[..., 0])
    return np.divide(inter, hull, out=np.zeros(np.broadcast(inter, hull).shape), where=hull != 0)


@helper
def tiou32(start: np.float32, end: np.float32, other_start: np.float32, other_end: np.float32) -> np.float32:
    """IoU in float32 from four float32 numbers: the arithmetic that decides a hit."""
    inter = max(np.float32(0.0), min(end, other_end) - max(start, other_start))
    hull = max(end, other_end) - min(start, other_start)
    return inter / hull if hull != np.float32(0.0) else np.float32(0.0)


@helper
def overlaps(start: float, end: float, other_start: float, other_end: float, threshold: float) -> bool:
    """Whether the float64 IoU is above `threshold` (strict; 0 or more): the verdict of NMS."""
    inter = min(end, other_end) - max(start, other_start)
    if inter <= 0.0:
        return False
    return inter / (max(end, other_end) - min(start, other_start)) > threshold
