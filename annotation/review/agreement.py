"""How well the answers to one unit agree, and how a worker's agree with what is known.

Two people who mark a clip may well choose two moments: that they differ speaks against nobody. What speaks against an
answer is to stand alone where the others agree, or to miss every moment that is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
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


def measure(*came: Assignment) -> None:
    """Keep what collected answers say of their units' agreement and, on gold units, of their workers.

    The caller holds the locks of the HITs.
    """
    marking = [row for row in came if row.hit.batch.kind in MARKING]
    units = {row.hit_id: row.hit for row in marking}
    standing = standing_by_hit(units)
    for key, hit in units.items():
        measure_unit(hit, standing[key])
    on_gold = [row for row in marking if row.hit.gold and row.payload is not None]
    for row in on_gold:
        hold_against_gold(row)
    count_gold(*{row.worker for row in on_gold})


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
    return standing_by_hit([hit.pk])[hit.pk]


def standing_by_hit(keys: Collection[int]) -> defaultdict[int, list[Assignment]]:
    """The same of several HITs, by keys."""
    found: defaultdict[int, list[Assignment]] = defaultdict(list)
    if keys:
        rejected = [Assignment.State.REJECTING, Assignment.State.REJECTED]
        rows = Assignment.objects.filter(hit__in=keys, payload__isnull=False).exclude(state__in=rejected)
        for row in rows.order_by("pk"):
            found[row.hit_id].append(row)
    return found


def count_gold(*workers: Worker) -> None:
    """Count anew how often workers have met the known answers; each is locked by that, by key."""
    for worker in sorted(workers, key=lambda worker: worker.pk):
        counts = worker.assignments.aggregate(
            gold_answers=Count("pk", filter=Q(gold_right__isnull=False)),
            gold_right=Count("pk", filter=Q(gold_right=True)),
        )
        Worker.objects.filter(pk=worker.pk).update(**counts)
