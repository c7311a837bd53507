"""How fast a batch goes, when it ends, what it will have cost, and what workers earn an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median

from django.db.models import Count, Exists, Min, OuterRef, Sum
from django.utils import timezone

from annotation.console.tally import Tally
from annotation.models import Assignment, Batch, Hit, Receipt
from annotation.models.crowd import Kind
from annotation.review import ledger

RECENT = timedelta(hours=24)  # the rate is that of the last day
TIMED = 500  # answers whose time on task is looked at, the last ones
BATCHES = 5  # of a kind, the last ones, that tell how long an answer takes
LEAST_HOURS = 1 / 6  # what is faster than ten minutes tells no rate


@dataclass(frozen=True)
class Forecast:
    """Rates in answers an hour, money in US dollars; None where it cannot be told yet."""

    answers: int
    missing: int  # still to come from open units
    rate: float | None
    ends_at: datetime | None
    cost: Decimal  # at the end, if every missing answer comes, is paid and gets the bonus that it may
    seconds: float | None  # median time on task
    wage: float | None  # US dollars an hour, at the median


def forecast(batch: Batch, money: dict[str, Decimal], counts: Tally) -> Forecast:
    """What can be told now; `money`: `ledger.totals` of the batch, `counts`: its answers."""
    wanted = dict(batch.hits.values_list("state").order_by("state").annotate(Sum("wanted")))
    missing = max(wanted.get(Hit.State.OPEN, 0) - counts.of(hit=Hit.State.OPEN), 0) + wanted.get(Hit.State.WAITING, 0)
    unpaid = missing + counts.unpaid
    rate = _rate(batch)
    seconds = _median_seconds([batch.pk])
    return Forecast(
        answers=counts.of(),
        missing=missing,
        rate=rate,
        ends_at=timezone.now() + timedelta(hours=missing / rate) if rate and missing else None,
        cost=money["spent"] + unpaid * ledger.cost_per_assignment(batch) + ledger.bonuses_to_come(batch, unpaid),
        seconds=seconds,
        wage=float(batch.reward) * 3600 / seconds if seconds else None,
    )


def _rate(batch: Batch) -> float | None:
    """Answers an hour, from the first of the last day on."""
    since = timezone.now() - RECENT
    recent = Assignment.objects.filter(batch=batch, submitted_at__gte=since)
    found = recent.aggregate(first=Min("submitted_at"), count=Count("pk"))
    if found["first"] is None:
        return None
    hours = (timezone.now() - found["first"]).total_seconds() / 3600
    return found["count"] / hours if hours >= LEAST_HOURS else None


def usual_seconds() -> dict[str, float]:
    """Median time on task by kind of batch, of the last batches that were answered; kinds without answers lack."""
    found = {}
    for kind in Kind.values:
        answered = Batch.objects.filter(Exists(Receipt.objects.filter(hit__batch=OuterRef("pk"))), kind=kind)
        seconds = _median_seconds(list(answered.order_by("-pk").values_list("pk", flat=True)[:BATCHES]))
        if seconds:
            found[kind] = seconds
    return found


def _median_seconds(batches: Sequence[int]) -> float | None:
    arrived = Assignment.objects.filter(hit=OuterRef("hit"), assignment_id=OuterRef("assignment_id"))
    told = Receipt.objects.filter(Exists(arrived), hit__batch__in=batches, conduct__seconds__gt=0).order_by("-pk")
    seconds = list(told.values_list("conduct__seconds", flat=True)[:TIMED])
    return median(seconds) if seconds else None
