"""Intervals by resampling videos: queries of one video are not independent, videos are taken to be.

95 % percentile intervals of a cluster bootstrap (Efron & Tibshirani 1993, ch. 13): draw as many videos as there are,
with replacement, pool their queries, aggregate; 1,000 times with one seed for all metrics.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import Metric

DRAWS = 1000
LEVEL = 95.0


def draw_weights(clusters: NDArray[np.int64], seed: int, draws: int = DRAWS) -> NDArray[np.float64]:
    """How often each cluster is drawn, [draws, C]; `clusters` [N] are numbered 0..C-1."""
    count = int(clusters.max()) + 1
    picks = np.random.default_rng(seed).integers(0, count, (draws, count))
    picks += np.arange(draws)[:, None] * count
    return np.bincount(picks.ravel(), minlength=draws * count).reshape(draws, count).astype(np.float64)


def intervals(metrics: Sequence[Metric], clusters: NDArray[np.int64], seed: int) -> list[tuple[float, float]]:
    """(low, high) of each metric in its own unit; `clusters` [N] number the video of each query."""
    weights = draw_weights(clusters, seed)
    sizes = weights @ np.bincount(clusters)
    means = [metric for metric in metrics if not metric.is_median]
    sums = np.stack([np.bincount(clusters, weights=metric.values) for metric in means], axis=1)
    replicates = (weights @ sums) / sizes[:, None] * 100
    tails = [(100 - LEVEL) / 2, (100 + LEVEL) / 2]
    bounds = {
        metric.key: (float(low), float(high))
        for metric, low, high in zip(means, *np.percentile(replicates, tails, axis=0), strict=True)
    }
    for metric in metrics:
        if metric.is_median:
            low, high = np.percentile(_median_replicates(metric.values, clusters, weights), tails)
            bounds[metric.key] = float(low), float(high)
    return [bounds[metric.key] for metric in metrics]


def _median_replicates(
    values: NDArray[np.float64], clusters: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Medians [draws] of integer ranks, from how often each rank occurs in a draw."""
    ranks = values.astype(np.int64)
    span = int(ranks.max()) + 1
    table = np.bincount(clusters * span + ranks, minlength=weights.shape[1] * span).reshape(-1, span)
    below = np.cumsum(weights @ table, axis=1)  # [draws, span] queries with at most this rank
    n = below[:, -1:]
    lower = (below < np.ceil(n / 2)).sum(axis=1)  # rank of the (n+1)//2-th query
    upper = (below < n // 2 + 1).sum(axis=1)
    return (lower + upper) / 2
