"""The same metrics over parts of a split: query type, segment length, position in the clip, question type."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import percent, retrieval_metrics
from evaluation.release import MomentQueries, Questions
from evaluation.retrieval import Ranks

LENGTHS = ("short", "middle", "long")
POSITIONS = ("first third", "second third", "last third")
QUESTION_WORDS = ("how many", "what", "who", "where", "when", "why", "how", "which", "whose")


@dataclass(frozen=True)
class Breakdown:
    """A metric (percent) over the `n` queries of one group."""

    key: str
    by: str
    group: str
    value: float
    n: int


def moment_groups(truth: MomentQueries) -> dict[str, NDArray[np.str_]]:
    """by -> group of each query [N]; groups are "" where the truth does not say."""
    length = truth.end - truth.start
    middle = (truth.start + truth.end) / 2 / truth.videos.durations[truth.video]
    tertiles = np.quantile(length, [1 / 3, 2 / 3])
    return {
        "type": truth.types,
        "length": np.array(LENGTHS)[np.searchsorted(tertiles, length)],
        "position": np.array(POSITIONS)[np.clip((middle * 3).astype(np.int64), 0, 2)],
    }


def moment_breakdowns(ranks: Ranks, truth: MomentQueries) -> Iterator[Breakdown]:
    """R@K of one task and state in every group that has queries."""
    recalls = [metric for metric in retrieval_metrics(ranks) if metric.name.startswith("R@")]
    for by, groups in moment_groups(truth).items():
        for group in np.unique(groups).tolist():
            if group:
                inside = groups == group
                for metric in recalls:
                    values = metric.values[inside]
                    yield Breakdown(metric.key, by, group, percent(values), len(values))


def question_type(question: str) -> str:
    """The question word a question starts with, or "other"."""
    lowered = question.lower().lstrip()
    return next((word for word in QUESTION_WORDS if lowered.startswith(word)), "other")


def question_breakdowns(correct: NDArray[np.bool_], truth: Questions) -> list[Breakdown]:
    """Accuracy by question type; empty where the truth holds no text."""
    groups = np.array([question_type(text) for text in truth.q])
    return [
        Breakdown(
            "QA.accuracy",
            "question_type",
            group,
            percent(correct[groups == group].astype(np.float64)),
            int((groups == group).sum()),
        )
        for group in np.unique(groups).tolist()
    ]
