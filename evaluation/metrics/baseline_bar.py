"""The bar every number must pass: what the best blind baseline reaches on the same split with the same seed."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.baselines import MOMENT_KINDS, NEEDS_TRAIN, QA_KINDS, moment_baseline, qa_baseline
from evaluation.metrics.definitions import Metric, all_metrics, qa_metrics
from evaluation.metrics.protocol import ScoringOptions
from evaluation.metrics.ranking import rank_lists
from evaluation.release import MomentQueries, Questions


def moment_baseline_bar(
    truth: MomentQueries, train: MomentQueries | None, options: ScoringOptions, inside: NDArray[np.bool_]
) -> dict[str, float]:
    """Metric key -> best value of any blind baseline on the queries `inside` [N]; fitted ones only with train there."""
    return _best(
        metric.within(inside)
        for kind in MOMENT_KINDS
        if train is not None or kind not in NEEDS_TRAIN
        for metric in all_metrics(rank_lists(moment_baseline(kind, truth, train, options.seed), truth, options))
    )


def answer_baseline_bar(
    truth: Questions, train: Questions | None, options: ScoringOptions, inside: NDArray[np.bool_]
) -> dict[str, float]:
    """The same for QA accuracy; "longest" needs the text of the answers."""
    return _best(
        metric.within(inside)
        for kind in QA_KINDS
        if (train is not None or kind not in NEEDS_TRAIN) and (truth.options or kind != "longest")
        for metric in qa_metrics(qa_baseline(kind, truth, train, options.seed) == truth.answer)
    )


def _best(found: Iterable[Metric]) -> dict[str, float]:
    best: dict[str, float] = {}
    for metric in found:
        better = min if metric.lower_is_better else max
        best[metric.key] = better(metric.value, best.get(metric.key, metric.value))
    return best
