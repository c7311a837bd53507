"""Put money on a requester's account."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.marketplace import clock
from annotation.marketplace.models import Requester
from annotation.marketplace.money import payments


class Command(BaseCommand):
    help = "Add an amount in dollars to the available balance of a requester, with a ledger entry."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--amount", required=True, help="such as 250.00")

    def handle(self, *args: Any, **options: Any) -> None:
        requester = Requester.objects.filter(name=options["name"]).first()
        if requester is None:
            raise CommandError(f"there is no requester named {options['name']!r}")
        try:
            amount = Decimal(options["amount"])
        except InvalidOperation:
            amount = Decimal(0)
        if not amount.is_finite() or amount <= 0 or amount != amount.quantize(payments.CENT):
            raise CommandError(f"--amount must be a positive amount such as 250.00, not {options['amount']!r}")
        payments.deposit(requester, amount, clock.now())
        self.stdout.write(f"deposited ${amount} for {requester.name}")
