"""What workers have earned in a period, for the payroll of the lab; and which of it has been paid.

Paying itself happens elsewhere. A payout remembers exactly the ledger entries it covers, so that nothing is paid
twice and an export of a payout always shows the same sums.
"""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TextIO

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum

from annotation.marketplace.models import LedgerEntry, Payout, PayoutLine
from annotation.marketplace.money.payments import CENT

HEADER = ("worker_id", "username", "assignments", "rewards", "bonuses", "total")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Earning:
    """One worker's sums, in dollars."""

    worker_id: str
    username: str
    assignments: int
    rewards: Decimal
    bonuses: Decimal

    @property
    def total(self) -> Decimal:
        return self.rewards + self.bonuses


def unpaid(start: dt.datetime, end: dt.datetime) -> QuerySet[LedgerEntry]:
    """Rewards and bonuses earned in [start, end) that no payout covers."""
    return LedgerEntry.objects.filter(kind__in=LedgerEntry.EARNED, at__gte=start, at__lt=end, payoutline=None)


def of_payout(payout: Payout) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(payoutline__payout=payout)


def per_worker(entries: QuerySet[LedgerEntry]) -> list[Earning]:
    kind = LedgerEntry.Kind
    rows = (
        entries.order_by()
        .values("worker__public_id", "worker__user__username")
        .annotate(
            assignments=Count("id", filter=Q(kind=kind.REWARD)),
            rewards=Sum("amount", filter=Q(kind=kind.REWARD), default=Decimal(0)),
            bonuses=Sum("amount", filter=Q(kind=kind.BONUS), default=Decimal(0)),
        )
        .order_by("worker__public_id")
    )
    return [
        Earning(
            row["worker__public_id"],
            row["worker__user__username"],
            row["assignments"],
            row["rewards"].quantize(CENT),
            row["bonuses"].quantize(CENT),
        )
        for row in rows
    ]


def mark_paid(start: dt.datetime, end: dt.datetime, by: User | None, now: dt.datetime) -> Payout | None:
    """Put everything unpaid of the period into a new payout; None when there is nothing."""
    with transaction.atomic():
        # Two people who press the button at once must not make two payouts of the same money: rows are locked, and
        # the one-to-one key of PayoutLine refuses what slips through.
        candidates = list(unpaid(start, end).select_for_update(of=("self",)))
        paid = set(PayoutLine.objects.filter(entry__in=candidates).values_list("entry_id", flat=True))
        entries = [entry for entry in candidates if entry.pk not in paid]
        if not entries:
            return None
        payout = Payout.objects.create(period_start=start, period_end=end, made_by=by, made_at=now)
        PayoutLine.objects.bulk_create(PayoutLine(payout=payout, entry=entry) for entry in entries)
        return payout


def write_csv(earnings: list[Earning], target: TextIO) -> None:
    writer = csv.writer(target)
    writer.writerow(HEADER)
    for row in earnings:
        writer.writerow(
            (row.worker_id, _no_formula(row.username), row.assignments, row.rewards, row.bonuses, row.total)
        )


def _no_formula(text: str) -> str:
    """A spreadsheet would run a name that starts like a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
