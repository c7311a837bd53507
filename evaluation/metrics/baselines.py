"""Blind baselines: predictions that never look at the query. A system that does not beat them has shown nothing.

random      videos in random order, spans between two uniform times
whole_clip  videos in random order, the whole clip
prior       the one span (as shares of the clip) that hits most of train, in every video
histogram   the 100 commonest start x end cells of train, commonest first
majority    QA: the answer position that is right most often in train
longest     QA: the longest answer (the first of several)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.io.errors import Refusal
from evaluation.metrics.iou import tiou
from evaluation.metrics.protocol import ROWS_KEPT
from evaluation.metrics.ranked_lists import RETRIEVAL_TASKS, RankedLists
from evaluation.release import MomentQueries, Questions

MOMENT_KINDS = ("random", "whole_clip", "prior", "histogram")
QA_KINDS = ("random", "majority", "longest")
NEEDS_TRAIN = ("prior", "histogram", "majority")
QUERIES_AT_ONCE = 1024
GRID = 20  # cells a side: shares of the clip in steps of 5 %


class BaselineError(Refusal):
    """The baseline cannot be made from what is at hand; the message says what is missing."""


@dataclass(frozen=True)
class SpanPrior:
    """Spans as shares of the clip, best first: `shares` float64 [S, 2] with 0 <= start < end <= 1."""

    shares: NDArray[np.float64]


def fit_best_span(train: MomentQueries) -> SpanPrior:
    """The span on a grid of 5 % steps with the most train hits, counted at tIoU 0.5 and at 0.7."""
    truth = _shares(train)
    edges = np.arange(GRID + 1) / GRID
    candidates = np.array([(low, high) for low in edges for high in edges if low < high])
    hits = np.zeros(len(candidates))
    for c, candidate in enumerate(candidates):
        overlap = tiou(candidate, truth)
        hits[c] = (overlap >= 0.5).sum() + (overlap >= 0.7).sum()
    return SpanPrior(candidates[[int(hits.argmax())]])


def fit_histogram(train: MomentQueries) -> SpanPrior:
    """The ROWS_KEPT fullest cells of a start x end histogram of train, each as its outer span."""
    truth = _shares(train)
    low = np.minimum(np.floor(truth[:, 0] * GRID), GRID - 1).astype(np.int64)
    high = np.maximum(np.ceil(truth[:, 1] * GRID), low + 1).astype(np.int64)
    cells = np.bincount(low * (GRID + 1) + high, minlength=GRID * (GRID + 1))
    best = np.argsort(-cells, kind="stable")
    best = best[cells[best] > 0][:ROWS_KEPT]
    return SpanPrior(np.stack([best // (GRID + 1), best % (GRID + 1)], axis=1) / GRID)


def moment_baseline(kind: str, queries: MomentQueries, train: MomentQueries | None, seed: int) -> Iterator[RankedLists]:
    """VCMR, VR and, where the truth names the videos, SVMR lists of one blind baseline, videos as places.

    One task after another, some queries at a time, in order.

    Raises BaselineError for an unknown kind or a missing train split.
    """
    if kind not in MOMENT_KINDS:
        raise BaselineError(f"kind {kind!r} is unknown for moments: expected one of {', '.join(MOMENT_KINDS)}")
    if kind in NEEDS_TRAIN and (train is None or not train.has_truth):
        raise BaselineError(f"kind {kind!r} is fitted on train, which is not at hand")
    if kind == "random":
        return _random_lists(queries, seed)
    if kind == "whole_clip":
        return _fixed_lists(queries, np.array([[0.0, 1.0]]), seed)
    assert train is not None
    prior = fit_best_span(train) if kind == "prior" else fit_histogram(train)
    return _fixed_lists(queries, prior.shares, seed)


def qa_baseline(kind: str, questions: Questions, train: Questions | None, seed: int) -> NDArray[np.int64]:
    """Answers [N] of one blind baseline. Raises BaselineError as `moment_baseline` does."""
    if kind not in QA_KINDS:
        raise BaselineError(f"kind {kind!r} is unknown for qa: expected one of {', '.join(QA_KINDS)}")
    n = len(questions)
    if kind == "random":
        options = len(questions.options[0]) if questions.options else int(questions.answer.max()) + 1
        return np.random.default_rng([seed, 100]).integers(0, options, n)
    if kind == "majority":
        if train is None or not train.has_truth:
            raise BaselineError("kind 'majority' is fitted on train, which is not at hand")
        return np.full(n, int(np.bincount(train.answer).argmax()), np.int64)
    if not questions.options:
        raise BaselineError("kind 'longest' needs the text of the answers, which this truth does not hold")
    return np.array([int(np.argmax([len(text) for text in row])) for row in questions.options], np.int64)


def _shares(train: MomentQueries) -> NDArray[np.float64]:
    duration = train.videos.durations[train.video]
    return np.minimum(np.stack([train.start / duration, train.end / duration], axis=1), 1.0)


def _random_lists(queries: MomentQueries, seed: int) -> Iterator[RankedLists]:
    """100 rows a list, each between two uniform times."""
    for task, part, rng, places in _corpus(queries, seed):
        times = rng.random((2, *places.shape))
        yield _lists(task, queries, part, places, np.stack([times.min(axis=0), times.max(axis=0)]))


def _fixed_lists(queries: MomentQueries, shares: NDArray[np.float64], seed: int) -> Iterator[RankedLists]:
    """The same spans everywhere, shares [S, 2] best first: the n-th time round the corpus takes the n-th span."""
    for task, part, _, places in _corpus(queries, seed):
        turn = np.arange(ROWS_KEPT) if task == "SVMR" else np.arange(ROWS_KEPT) // len(queries.videos)
        rows = places.shape[1] if task == "VR" else int((turn < len(shares)).sum())
        spans = shares[np.minimum(turn[:rows], len(shares) - 1)].T[:, None]
        yield _lists(task, queries, part, places[:, :rows], np.broadcast_to(spans, (2, len(places), rows)))


def _corpus(queries: MomentQueries, seed: int) -> Iterator[tuple[str, slice, np.random.Generator, NDArray[np.int64]]]:
    """(task, part of the queries, its generator, places of videos [n, rows]) over all tasks and queries.

    Each list walks a shuffled corpus in a random stride that visits all of it; VR ends after one round.
    """
    videos = len(queries.videos)
    shuffled = np.random.default_rng(seed).permutation(videos)
    strides = np.array([step for step in range(1, videos + 1) if np.gcd(step, videos) == 1])
    for code, task in enumerate(RETRIEVAL_TASKS):
        if task == "SVMR" and not queries.has_truth:
            continue
        rng = np.random.default_rng([seed, code])
        for first in range(0, len(queries), QUERIES_AT_ONCE):
            part = slice(first, min(first + QUERIES_AT_ONCE, len(queries)))
            n = part.stop - part.start
            if task == "SVMR":
                yield task, part, rng, np.repeat(queries.video[part, None], ROWS_KEPT, axis=1)
            else:
                walk = rng.integers(0, videos, (n, 1)) + rng.choice(strides, (n, 1)) * np.arange(ROWS_KEPT)
                rows = min(videos, ROWS_KEPT) if task == "VR" else ROWS_KEPT
                yield task, part, rng, shuffled[walk[:, :rows] % videos]


def _lists(
    task: str, queries: MomentQueries, part: slice, places: NDArray[np.int64], shares: NDArray[np.float64]
) -> RankedLists:
    """Lists with falling scores 1, 1/2, …; places [n, k] of videos, shares [2, n, k] of their clips."""
    n, rows = places.shape
    spans = np.zeros((2, n, rows))
    if task != "VR":
        np.multiply(shares, queries.videos.durations[places], out=spans)
    return RankedLists(
        task=task,
        desc_ids=queries.desc_ids[part],
        offsets=np.arange(n + 1, dtype=np.int64) * rows,
        video=np.ascontiguousarray(places).reshape(-1),
        start=spans[0].reshape(-1),
        end=spans[1].reshape(-1),
        score=np.tile(1.0 / np.arange(1, rows + 1), n),
    )
