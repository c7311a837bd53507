"""What was paid and what is held, by batch, worker, stage or month. US dollars as exact decimals."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncMonth

from annotation.models import Batch, LedgerEntry, Worker

PAID = [LedgerEntry.Kind.REWARD, LedgerEntry.Kind.FEE, LedgerEntry.Kind.BONUS, LedgerEntry.Kind.BONUS_FEE]
COLUMNS = ["answers paid", "rewards", "bonuses", "fees", "spent", "held"]


class By(StrEnum):
    BATCH = "batch"
    WORKER = "worker"
    STAGE = "stage"
    MONTH = "month"


# Batches and workers are told apart by number and named afterwards: half a million rows are grouped in half the time.
PLACE: dict[By, Any] = {
    By.BATCH: F("batch_id"),
    By.WORKER: F("assignment__worker_id"),
    By.STAGE: F("batch__kind"),
    By.MONTH: TruncMonth("created_at"),
}


def report(by: By) -> list[dict[str, Any]]:
    """Rows of `key` and the sums of `COLUMNS`, dearest first; stages and months in order.

    What is held is nobody's yet: a report by worker leaves it out, and one by month has what was held and freed in it.
    """
    entries = LedgerEntry.objects.filter(kind__in=PAID) if by == By.WORKER else LedgerEntry.objects.all()
    sums: dict[Any, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: Decimal("0.00")))
    paid: dict[Any, int] = defaultdict(int)
    grouped = entries.order_by().annotate(place=PLACE[by]).values_list("place", "kind")
    for place, kind, amount, n in grouped.annotate(Sum("amount"), Count("pk")):
        sums[place][kind] = amount
        paid[place] += n if kind == LedgerEntry.Kind.REWARD else 0
    names = _names(by)
    rows = [_row(names.get(place, place), paid[place], kinds) for place, kinds in sums.items()]
    in_order = by in {By.STAGE, By.MONTH}
    return sorted(rows, key=lambda row: row["key"] if in_order else (-row["spent"], row["key"]))


def _row(key: Any, paid: int, kinds: dict[str, Decimal]) -> dict[str, Any]:
    fees = kinds["fee"] + kinds["bonus_fee"]
    return {
        "key": key,
        "answers paid": paid,
        "rewards": kinds["reward"],
        "bonuses": kinds["bonus"],
        "fees": fees,
        "spent": kinds["reward"] + kinds["bonus"] + fees,
        "held": kinds["hold"] - kinds["release"],
    }


def _names(by: By) -> dict[int, str]:
    if by == By.BATCH:
        return dict(Batch.objects.values_list("pk", "name"))
    if by == By.WORKER:
        return dict(Worker.objects.values_list("pk", "worker_id"))
    return {}
