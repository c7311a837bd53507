"""Intervals and paired tests by resampling videos: queries of one video are not independent, videos are taken to be.

95 % percentile intervals of a cluster bootstrap (Efron and Tibshirani 1993, ch. 13): draw as many videos as there are,
with replacement, pool their queries, aggregate; 1,000 times, with one seed for all metrics of a report.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.definitions import Metric
from evaluation.release import Questions

DRAWS = 1000
DRAWS_AT_ONCE = 100
LEVEL = 95.0
TAILS = ((100 - LEVEL) / 2, (100 + LEVEL) / 2)
FLIPS = 9999
FLIPS_AT_ONCE = 1000


class VideoBootstrap:
    """Draws over `clusters` int64 [N], any numbers that are equal for queries of one video."""

    def __init__(self, clusters: NDArray[np.int64], seed: int) -> None:
        self.clusters = np.unique(clusters, return_inverse=True)[1].astype(np.int64)
        self.seed = seed
        self.count = int(self.clusters.max()) + 1
        self.weights = np.empty((DRAWS, self.count))  # how often each video is drawn
        rng = np.random.default_rng(seed)
        for draw in range(0, DRAWS, DRAWS_AT_ONCE):
            picks = rng.integers(0, self.count, (DRAWS_AT_ONCE, self.count))
            picks += np.arange(DRAWS_AT_ONCE)[:, None] * self.count
            drawn = np.bincount(picks.ravel(), minlength=picks.size)
            self.weights[draw : draw + DRAWS_AT_ONCE] = drawn.reshape(picks.shape)

    def mean_intervals(
        self, values: Sequence[NDArray[np.float64]], inside: NDArray[np.bool_] | None = None
    ) -> list[tuple[float, float]]:
        """(low, high) in percent of the means of per-query shares [N] each, over the queries `inside` (all)."""
        mask = np.ones(len(self.clusters)) if inside is None else inside.astype(np.float64)
        sizes = self.weights @ self.per_video(mask)
        sums = np.stack([self.per_video(value * mask) for value in values], axis=1)
        drawn = sizes > 0  # a small group can be missing from a draw
        replicates = (self.weights[drawn] @ sums) / sizes[drawn, None] * 100
        low, high = np.percentile(replicates, TAILS, axis=0)
        return list(zip(low.tolist(), high.tolist(), strict=True))

    def median_intervals(self, values: Sequence[NDArray[np.float64]]) -> list[tuple[float, float]]:
        """(low, high) of the medians of whole-numbered ranks [N] each, from how often each rank occurs in a draw."""
        ranks = [value.astype(np.int64) for value in values]
        span = max(int(rank.max()) for rank in ranks) + 1
        tables = [np.bincount(self.clusters * span + r, minlength=self.count * span).reshape(-1, span) for r in ranks]
        # float32 is exact for counts below 2**24, and twice as fast
        counts = self.weights.astype(np.float32) @ np.concatenate(tables, axis=1).astype(np.float32)
        below = np.cumsum(counts.reshape(DRAWS, len(ranks), span), axis=2)  # queries with at most this rank
        n = below[:, :, -1:]
        lower = (below < np.ceil(n / 2)).sum(axis=2)  # rank of the query in the middle, or just below it
        upper = (below < n // 2 + 1).sum(axis=2)  # and just above it
        low, high = np.percentile((lower + upper) / 2, TAILS, axis=0)
        return list(zip(low.tolist(), high.tolist(), strict=True))

    def intervals(self, metrics: Sequence[Metric]) -> list[tuple[float, float]]:
        """(low, high) of each metric in its own unit."""
        means = [metric for metric in metrics if not metric.is_median]
        medians = [metric for metric in metrics if metric.is_median]
        bounds = dict(zip((m.key for m in means), self.mean_intervals([m.values for m in means]), strict=True))
        if medians:
            medians_bounds = self.median_intervals([m.values for m in medians])
            bounds |= zip((m.key for m in medians), medians_bounds, strict=True)
        return [bounds[metric.key] for metric in metrics]

    def sign_flip(self, differences: Sequence[NDArray[np.float64]]) -> list[float]:
        """Two-sided p of each paired per-query difference [N]: signs of whole videos are flipped at random.

        The share of FLIPS sign vectors whose mean difference is at least as far from 0 as the one seen, the seen one
        counted (Phipson and Smyth 2010), so p is never 0.
        """
        sums = np.stack([self.per_video(difference) for difference in differences], axis=1)
        seen = np.abs(sums.sum(axis=0))
        slack = 1e-12 * np.abs(sums).sum(axis=0)  # the same sum in another order must count as reached
        reached = np.ones(len(differences))
        rng = np.random.default_rng([self.seed, 1])
        for first in range(0, FLIPS, FLIPS_AT_ONCE):
            signs = rng.integers(0, 2, (min(FLIPS_AT_ONCE, FLIPS - first), self.count)) * 2.0 - 1.0
            reached += (np.abs(signs @ sums) >= seen - slack).sum(axis=0)
        return (reached / (FLIPS + 1)).tolist()

    def per_video(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums [C] of per-query values [N]."""
        return np.asarray(np.bincount(self.clusters, weights=values, minlength=self.count), np.float64)


def question_clusters(truth: Questions) -> NDArray[np.int64]:
    """Video of each question as a number; a bare answer key names none, so each question stands alone."""
    if not truth.video:
        return np.arange(len(truth))
    return np.unique(truth.video, return_inverse=True)[1].astype(np.int64)
