"""Make or update a requester account."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from annotation.marketplace import clock
from annotation.marketplace.models import Requester
from annotation.marketplace.money import payments


class Command(BaseCommand):
    help = (
        "Make the requester NAME with this access key and secret, which boto3 then uses as aws_access_key_id and "
        "aws_secret_access_key. Called again, it sets key and secret anew and leaves the balance alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True)
        parser.add_argument("--access-key", required=True, help="16 to 128 characters, as AWS has them")
        parser.add_argument("--secret", required=True)
        parser.add_argument("--balance", default="10000.00", help="first deposit in dollars (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            balance = Decimal(options["balance"]).quantize(payments.CENT)
        except InvalidOperation:
            raise CommandError(f"--balance must be an amount such as 10000.00, not {options['balance']!r}") from None
        if balance < 0:
            raise CommandError("--balance must not be negative")
        try:
            with transaction.atomic():
                requester, created = Requester.objects.update_or_create(
                    name=options["name"],
                    defaults={"access_key": options["access_key"], "secret": options["secret"], "active": True},
                )
                if created and balance:
                    payments.deposit(requester, balance, clock.now())
        except IntegrityError:
            raise CommandError(f"another requester has the access key {options['access_key']!r}") from None
        self.stdout.write(f"{'created' if created else 'updated'} requester {requester.name} ({requester.public_id})")
