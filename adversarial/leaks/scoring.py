"""Whether an attack beats what can be had without it: paired differences, one correction over all that was tried.

The interval of a difference is Student's, over videos: cluster-robust for a ratio of sums, with one item's worth of
variance added, so that a handful of equal videos is no certainty. Its level is 0.05 / m for m comparisons, so all m
hold together with 95 %, however the attacks depend on each other (Bonferroni).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from evaluation.metrics.bootstrap import VideoBootstrap, question_clusters
from evaluation.metrics.definitions import all_metrics, qa_metrics
from evaluation.metrics.protocol import ScoringOptions
from evaluation.metrics.ranked_lists import RankedLists
from evaluation.metrics.ranking import rank_lists
from evaluation.release import MomentQueries, Questions

LEVEL = 0.05
METRICS = (
    "VCMR.R@1.tiou0.5.raw",
    "VCMR.R@1.tiou0.7.raw",
    "VR.R@1",
    "SVMR.R@1.tiou0.5.raw",
    "SVMR.R@1.tiou0.7.raw",
    "QA.accuracy",
)

Values = Mapping[str, NDArray[np.float64]]  # metric -> 0 or 1 of every hidden item [N]


@dataclass(frozen=True)
class Attack:
    """One way to the hidden truth of `task`, already scored."""

    name: str
    kind: str
    task: str
    values: Values
    note: str = ""


@dataclass(frozen=True)
class Guess:
    """Moments as an attack has them: `clip` int64 [N] places and `span` [N, 2] seconds in that clip, for retrieval;
    `own` [N, 2] seconds in the query's own clip. What an attack says nothing about is None.
    """

    clip: NDArray[np.int64] | None = None
    span: NDArray[np.float64] | None = None
    own: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Trial:
    """All attacks on a task: `without` names what each metric reaches without them, `clusters` [N] the videos."""

    clusters: NDArray[np.int64]
    without: Mapping[str, tuple[str, NDArray[np.float64]]]
    attacks: Sequence[Attack]


def score_moments(guess: Guess, truth: MomentQueries) -> dict[str, NDArray[np.float64]]:
    """The values of METRICS that the guess says something about."""
    parts = []
    if guess.clip is not None and guess.span is not None:
        parts.append(_first_rows("VCMR", truth, guess.clip, guess.span))
        parts.append(_first_rows("VR", truth, guess.clip, np.zeros_like(guess.span)))
    if guess.own is not None:
        parts.append(_first_rows("SVMR", truth, truth.video, guess.own))
    return moment_values(parts, truth)


def moment_values(parts: Iterable[RankedLists], truth: MomentQueries) -> dict[str, NDArray[np.float64]]:
    """METRICS of lists whose videos are places, by the evaluator's own ranking."""
    ranks = rank_lists(parts, truth, ScoringOptions("test", nms=()))
    return {metric.key: metric.values for metric in all_metrics(ranks) if metric.key in METRICS}


def score_answers(answers: NDArray[np.int64], truth: Questions) -> dict[str, NDArray[np.float64]]:
    """QA accuracy of answers [N]."""
    return {metric.key: metric.values for metric in qa_metrics(answers == truth.answer)}


def best_of(candidates: Mapping[str, Values]) -> dict[str, tuple[str, NDArray[np.float64]]]:
    """Metric -> (name, values) of the candidate that reaches most, the first of several."""
    best: dict[str, tuple[str, NDArray[np.float64]]] = {}
    for name, values in candidates.items():
        for key, value in values.items():
            if key not in best or value.mean() > best[key][1].mean():
                best[key] = name, value
    return best


def video_clusters(truth: MomentQueries | Questions) -> NDArray[np.int64]:
    """Number of the video of every item [N]."""
    return truth.video if isinstance(truth, MomentQueries) else question_clusters(truth)


def compare(trials: Sequence[Trial], seed: int) -> list[dict[str, Any]]:
    """One row a comparison of every trial, worst first; numbers in percent."""
    m = sum(len(attack.values) for trial in trials for attack in trial.attacks)
    rows = [row for trial in trials for row in _rows(trial, m, seed)]
    return sorted(rows, key=lambda row: (-row["difference_low"], -row["difference"], row["attack"], row["metric"]))


def _rows(trial: Trial, m: int, seed: int) -> list[dict[str, Any]]:
    pairs = [(attack, key) for attack in trial.attacks for key in attack.values]
    if not pairs:
        return []
    bounds = VideoBootstrap(trial.clusters, seed).mean_intervals([attack.values[key] for attack, key in pairs])
    rows = []
    for (attack, key), (low, high) in zip(pairs, bounds, strict=True):
        name, reference = trial.without[key]
        gap, radius = difference(attack.values[key] - reference, trial.clusters, m)
        rows.append(
            {
                "attack": attack.name,
                "kind": attack.kind,
                "task": attack.task,
                "metric": key,
                "n": len(reference),
                "value": float(attack.values[key].mean() * 100),
                "low": low,
                "high": high,
                "without": float(reference.mean() * 100),
                "without_by": name,
                "difference": gap,
                "difference_low": gap - radius,
                "difference_high": gap + radius,
                "blocks": bool(gap > radius),
                "note": attack.note,
            }
        )
    return rows


def difference(gaps: NDArray[np.float64], clusters: NDArray[np.int64], m: int) -> tuple[float, float]:
    """Mean of paired gaps [N] and the radius of its interval, in percent, where m comparisons are made together.

    With one video alone the interval is all that there can be.
    """
    cluster = np.unique(clusters, return_inverse=True)[1]
    sizes, sums = np.bincount(cluster), np.bincount(cluster, weights=gaps)
    c, n, mean = len(sizes), len(gaps), float(gaps.mean())
    if c < 2:
        return mean * 100, 200.0
    spread = float(np.square(sums - mean * sizes).sum()) * c / (c - 1) + 1
    return mean * 100, float(student.ppf(1 - LEVEL / (2 * m), c - 1)) * spread**0.5 / n * 100


def _first_rows(task: str, truth: MomentQueries, clip: NDArray[np.int64], span: NDArray[np.float64]) -> RankedLists:
    n = len(truth)
    return RankedLists(
        task=task,
        desc_ids=truth.desc_ids,
        offsets=np.arange(n + 1),
        video=clip,
        start=span[:, 0],
        end=span[:, 1],
        score=np.ones(n),
    )
