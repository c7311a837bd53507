"""Earnings of a period as CSV, for the lab's payroll."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.marketplace import clock
from annotation.marketplace.money import payroll


class Command(BaseCommand):
    help = (
        "Print what each worker has earned in a period and has not been paid yet, as CSV. With --mark-paid the same "
        "entries are put into a payout, so that the next export leaves them out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", required=True, help="first day, such as 2026-11-01 (UTC)")
        parser.add_argument("--to", dest="last", required=True, help="last day, such as 2026-11-30 (UTC)")
        parser.add_argument("--mark-paid", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        start, end = _day(options["first"]), _day(options["last"]) + dt.timedelta(days=1)
        if start >= end:
            raise CommandError("--to lies before --from")
        if options["mark_paid"]:
            payout = payroll.mark_paid(start, end, None, clock.now())
            earnings = [] if payout is None else payroll.per_worker(payroll.of_payout(payout))
        else:
            earnings = payroll.per_worker(payroll.unpaid(start, end))
        payroll.write_csv(earnings, sys.stdout)


def _day(text: str) -> dt.datetime:
    try:
        return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(tzinfo=dt.UTC))
    except ValueError:
        raise CommandError(f"{text!r} is not a day such as 2026-11-01") from None
