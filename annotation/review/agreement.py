"""How well the answers to one unit agree, and how a worker's agree with what is known.

Two people who mark a clip may well choose two moments: that they differ speaks against nobody. What speaks against an
answer is to stand alone where the others agree, or to miss every moment that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from django.db.models import Count, Q

from annotation.models import Assignment, Hit, Worker
from annotation.models.crowd import MARKING
from evaluation.metrics.iou import tiou

SAME = 0.5  # tIoU from which two answers mean one moment
APART = 0.1  # tIoU below which they have nothing to do with each other

Span = tuple[float, float]


def span_of(payload: dict[str, Any] | None) -> Span | None:
    """Start and end of a marked moment, in seconds of the clip; None for other answers."""
    return (payload["start"], payload["end"]) if payload and "start" in payload else None


def mean_agreement(spans: Sequence[Span]) -> float | None:
    """Mean tIoU of all pairs, 0 to 1; None where there are no two."""
    pairs = list(combinations(spans, 2))
    return float(np.mean([tiou(a, b) for a, b in pairs])) if pairs else None


def medoid(spans: Sequence[Span]) -> int:
    """The place of the span that is most like all others (the highest mean tIoU; of equals the first)."""
    table = np.asarray(spans, np.float64)
    return int(np.argmax(tiou(table[:, None], table[None]).mean(axis=1)))


def stands_alone(span: Span, others: Sequence[Span]) -> bool:
    """Whether at least two others agree on one moment, and this is none of it."""
    together = mean_agreement(others)
    if together is None or together < SAME:
        return False
    return float(tiou(span, others[medoid(others)])) < APART


def measure(assignment: Assignment) -> None:
    """Keep what a collected answer says of its unit's agreement and, on a gold unit, of its worker.

    The caller holds the lock of the HIT.
    """
    hit = assignment.hit
    if hit.batch.kind not in MARKING:
        return
    measure_unit(hit, standing_answers(hit))
    if hit.gold and assignment.payload is not None:
        hold_against_gold(assignment)
        count_gold(assignment.worker)


def measure_unit(hit: Hit, standing: Sequence[Assignment]) -> None:
    """Keep how well the standing answers to a unit agree."""
    found = mean_agreement([span for row in standing if (span := span_of(row.payload))])
    if found != hit.agreement:
        hit.agreement = found
        hit.save(update_fields=["agreement"])


def hold_against_gold(assignment: Assignment) -> None:
    """Whether a valid answer to a gold unit meets a known moment; None where none is known any more."""
    known = assignment.hit.shown_clip.segments.filter(gold=True).values_list("start", "end")
    span = span_of(assignment.payload)
    met = span is not None and any(tiou(span, moment) >= SAME for moment in known)
    assignment.gold_right = met if known else None
    assignment.save(update_fields=["gold_right"])


def standing_answers(hit: Hit) -> list[Assignment]:
    """The valid answers to a HIT that nobody has rejected, the first first."""
    rejected = [Assignment.State.REJECTING, Assignment.State.REJECTED]
    return list(hit.assignments.filter(payload__isnull=False).exclude(state__in=rejected).order_by("pk"))


def count_gold(worker: Worker) -> None:
    """Count anew how often the worker has met the known answers."""
    counts = worker.assignments.aggregate(
        gold_answers=Count("pk", filter=Q(gold_right__isnull=False)), gold_right=Count("pk", filter=Q(gold_right=True))
    )
    Worker.objects.filter(pk=worker.pk).update(**counts)
