"""From ranks and answers to numbers: each metric is a mean of per-query values, except the median rank.

Percent everywhere but in median_rank, where a query that is never hit counts as rank 101 (lower is better).
MRR equals mAP here: one truth a query. nDCG has one gain, at the first hit: 1 / log2(1 + rank).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.highlights import TIOUS, HighlightTable
from evaluation.metrics.protocol import HEADLINE_THRESHOLDS, NMS_THRESHOLD, RECALL_AT, ROWS_KEPT
from evaluation.metrics.ranked_lists import RETRIEVAL_TASKS
from evaluation.metrics.ranking import Ranks

RANK_OF_A_MISS = ROWS_KEPT + 1


@dataclass(frozen=True)
class Metric:
    """One metric before aggregation. `values` float64 [N]: per-query share (0..1), or the rank for median_rank."""

    key: str
    task: str
    name: str
    tiou: float | None
    nms: float | None
    values: NDArray[np.float64]

    def within(self, inside: NDArray[np.bool_]) -> "Metric":
        """The same metric of the queries `inside` [N] alone."""
        return replace(self, values=self.values[inside])

    @property
    def is_median(self) -> bool:
        """True for median_rank alone."""
        return self.name == "median_rank"

    @property
    def lower_is_better(self) -> bool:
        """True for ranks."""
        return self.is_median

    @property
    def value(self) -> float:
        """Percent, or the median rank; nan without queries."""
        if not len(self.values):
            return float("nan")
        return float(np.median(self.values)) if self.is_median else percent(self.values)


def percent(values: NDArray[np.float64]) -> float:
    """Mean of [N] shares in percent, as the field's scorer computes it: the mean first, then times 100."""
    return float(values.sum() / len(values) * 100)


def retrieval_metrics(ranks: Ranks) -> Iterator[Metric]:
    """Every metric of one task in one state."""
    state = "" if ranks.task == "VR" else ".raw" if ranks.nms is None else f".nms{ranks.nms:g}"
    thresholds: tuple[float | None, ...] = (None,) if ranks.task == "VR" else HEADLINE_THRESHOLDS
    for threshold in thresholds:
        at = "" if threshold is None else f".tiou{threshold:g}"
        rank = ranks.at(threshold)
        for name, values in rank_values(rank).items():
            yield Metric(f"{ranks.task}.{name}{at}{state}", ranks.task, name, threshold, ranks.nms, values)
    if ranks.task != "VR":
        yield Metric(
            f"{ranks.task}.mean_tiou{state}",
            ranks.task,
            "mean_tiou",
            None,
            ranks.nms,
            ranks.first_tiou.astype(np.float64),
        )
    if ranks.highlights is not None:
        yield from highlight_metrics(ranks.highlights)


def highlight_metrics(table: HighlightTable) -> Iterator[Metric]:
    """QVHighlights' mAP over all its tIoUs and at two of them, and its recall of the first row."""
    yield Metric("SVMR.QVHighlights.mAP", "SVMR", "QVHighlights.mAP", None, None, table.precision.mean(axis=1))
    at_one = {("mAP", at): table.precision[:, TIOUS.index(at)] for at in (0.5, 0.75)}
    at_one |= {("R1", at): (table.first >= at).astype(np.float64) for at in HEADLINE_THRESHOLDS}
    for (name, at), values in at_one.items():
        name = f"QVHighlights.{name}@{at:g}"
        yield Metric(f"SVMR.{name}", "SVMR", name, at, None, values)


def all_metrics(tables: Iterable[Ranks]) -> list[Metric]:
    """Every metric of every table, in order."""
    return [metric for ranks in tables for metric in retrieval_metrics(ranks)]


def rank_values(rank: NDArray[np.int16]) -> dict[str, NDArray[np.float64]]:
    """Per-query values from ranks of the first hit [N] (0: none)."""
    found = rank > 0
    safe = np.where(found, rank, RANK_OF_A_MISS).astype(np.float64)
    values = {f"R@{k}": (found & (rank <= k)).astype(np.float64) for k in RECALL_AT}
    values["MRR"] = np.where(found, 1 / safe, 0.0)
    values["nDCG"] = np.where(found, 1 / np.log2(1 + safe), 0.0)
    values["median_rank"] = safe
    return values


def percentage_keys(task: str) -> list[str]:
    """Keys of the metrics of "moment" or "qa" that are shares of the queries, in percent: all but the median ranks."""
    if task == "qa":
        metrics = qa_metrics(np.zeros(0, bool))
    else:
        none = np.zeros((0, len(HEADLINE_THRESHOLDS)), np.int16)
        states = [
            (name, nms) for name in RETRIEVAL_TASKS for nms in ((None,) if name == "VR" else (None, NMS_THRESHOLD))
        ]
        tables = [Ranks(name, nms, HEADLINE_THRESHOLDS, none, np.zeros(0, np.float32)) for name, nms in states]
        metrics = [metric for ranks in tables for metric in retrieval_metrics(ranks)]
    return [metric.key for metric in metrics if not metric.is_median]


def qa_metrics(correct: NDArray[np.bool_]) -> list[Metric]:
    """Accuracy from [N] right or wrong."""
    return [Metric("QA.accuracy", "QA", "accuracy", None, None, correct.astype(np.float64))]
