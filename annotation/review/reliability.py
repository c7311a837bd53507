"""How reliable workers are, by how their answers agree with those of others: one-coin Dawid-Skene of crowd-kit.

A label is what answers to one unit share: moments that overlap by half are one label. Units of known answer count as
any others: how a worker meets those is evidence of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from annotation.models import Assignment, Worker
from annotation.models.crowd import MARKING, Kind
from annotation.review.agreement import SAME, Span, span_of
from evaluation.metrics.iou import tiou

LATEST = 50_000  # answers, the last ones: seconds and megabytes
ROUNDS = 100  # of expectation and maximisation; it ends when nothing changes

Labelled = tuple[Any, Any, str]  # unit, worker, label


def reliability(rows: Sequence[Labelled]) -> dict[Any, float]:
    """Each worker's chance to give the right label, 0 to 1, from answers to units that at least two answered."""
    import pandas as pd
    from crowdkit.aggregation import OneCoinDawidSkene  # loads pandas and nltk: workers of the queue alone

    if not rows:
        return {}
    answers = pd.DataFrame(rows, columns=["task", "worker", "label"])
    fitted = OneCoinDawidSkene(n_iter=ROUNDS).fit(answers)
    return {worker: float(skill) for worker, skill in fitted.skills_.items()}


def labels(spans: Sequence[Span]) -> list[int]:
    """A number for each span: that of the first one before it that it shares its moment with."""
    found: list[int] = []
    for place, span in enumerate(spans):
        same = [found[before] for before in range(place) if tiou(span, spans[before]) >= SAME]
        found.append(same[0] if same else max(found, default=-1) + 1)
    return found


def measure_workers() -> int:
    """Measure everybody who marked or answered what others did, too, over all of it; return how many that are."""
    units: dict[int, list[Assignment]] = defaultdict(list)
    told = Q(batch__kind__in=MARKING, payload__start__isnull=False)
    told |= Q(batch__kind=Kind.VALIDATE, payload__choice__isnull=False)
    for row in Assignment.objects.filter(told).only("hit", "worker", "payload").order_by("-pk")[:LATEST]:
        units[row.hit_id].append(row)
    rows: list[Labelled] = []
    for unit, answers in units.items():
        if len(answers) > 1:
            spans = [span for row in answers if (span := span_of(row.payload))]
            given = list(map(str, labels(spans))) or [str((row.payload or {})["choice"]) for row in answers]
            rows += [(unit, row.worker_id, label) for row, label in zip(answers, given, strict=True)]
    found = reliability(rows)
    compared = Counter(worker for _, worker, _ in rows)
    workers = [Worker(pk=pk, reliability=skill, compared=compared[pk]) for pk, skill in found.items()]
    Worker.objects.bulk_update(workers, ["reliability", "compared"], batch_size=1000)
    return len(workers)
