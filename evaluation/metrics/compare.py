"""Two submissions on the same split: paired differences over videos, and whether they can be told apart."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evaluation import __version__
from evaluation.metrics.bootstrap import VideoBootstrap
from evaluation.metrics.definitions import Metric

LEVEL_OF_DOUBT = 0.05
HEADLINES = ("VCMR.R@1.tiou0.7.raw", "SVMR.R@1.tiou0.7.raw", "VR.R@1", "QA.accuracy")


@dataclass(frozen=True)
class Difference:
    """B minus A in percentage points, its 95 % interval, and the p of the sign-flip test."""

    key: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float

    @property
    def told_apart(self) -> bool:
        """Whether p is below LEVEL_OF_DOUBT."""
        return self.p < LEVEL_OF_DOUBT

    def sentence(self) -> str:
        """What a reader may conclude, in words."""
        size = f"by {abs(self.difference):.2f} points (95 % interval {self.low:+.2f} … {self.high:+.2f})"
        if self.told_apart:
            better = "B is better than A" if self.difference > 0 else "A is better than B"
            return f"{self.key}: {better} {size}, p = {self.p:.4f}."
        return f"{self.key}: A and B cannot be told apart; B differs {size}, p = {self.p:.4f}."


@dataclass(frozen=True)
class Wins:
    """Queries on which one of two does better by the metric `key`: how many, and their places, widest gap first."""

    key: str
    a: int
    b: int
    equal: int
    a_better: list[int]
    b_better: list[int]


@dataclass(frozen=True)
class Comparison:
    """All differences of two submissions, with what was compared on what."""

    split: str
    seed: int
    n: int
    a_sha256: str
    b_sha256: str
    manifest_sha256: str | None
    differences: list[Difference]
    wins: dict[str, Any] | None = None
    evaluator_version: str = __version__

    def headlines(self) -> list[Difference]:
        """One difference a task, for the sentences."""
        return [line for line in self.differences if line.key in HEADLINES]

    def as_dict(self) -> dict[str, Any]:
        """The JSON of the comparison."""
        lines = [
            asdict(line) | {"told_apart": line.told_apart, "sentence": line.sentence()} for line in self.differences
        ]
        return asdict(self) | {"differences": lines}


def wins(a: Metric, b: Metric, most: int) -> Wins:
    """Where A is better and where B is, with at most so many places each."""
    gap = (b.values - a.values) * (-1 if a.lower_is_better else 1)
    order = np.argsort(-np.abs(gap), kind="stable")
    of_a, of_b = order[gap[order] < 0], order[gap[order] > 0]
    equal = len(gap) - len(of_a) - len(of_b)
    return Wins(a.key, len(of_a), len(of_b), equal, of_a[:most].tolist(), of_b[:most].tolist())


def compare(a: Sequence[Metric], b: Sequence[Metric], bootstrap: VideoBootstrap) -> list[Difference]:
    """Every metric that both have, but the median rank (its difference is no mean over videos)."""
    of_b = {metric.key: metric for metric in b}
    pairs = [(metric, of_b[metric.key]) for metric in a if metric.key in of_b and not metric.is_median]
    if not pairs:
        return []
    gaps = [second.values - first.values for first, second in pairs]
    bounds, chances = bootstrap.mean_intervals(gaps), bootstrap.sign_flip(gaps)
    return [
        Difference(first.key, first.value, second.value, float(np.mean(gap) * 100), low, high, p)
        for (first, second), gap, (low, high), p in zip(pairs, gaps, bounds, chances, strict=True)
    ]
