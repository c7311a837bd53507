"""Promise bonuses from a table."""

from __future__ import annotations

import csv
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from annotation.crowd.workers import bonuses
from annotation.models import Assignment

COLUMNS = ["assignment", "worker", "amount", "reason"]


class Command(BaseCommand):
    help = (
        "Pay the bonuses of a CSV file with the columns assignment, worker, amount (US dollars) and reason. All or "
        "none: a row that cannot be paid stops the file. The same file again pays nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="CSV, UTF-8; - reads standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["file"]
        try:
            with sys.stdin if name == "-" else Path(name).open(encoding="utf-8-sig", newline="") as file:
                rows = self._rows(file)
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{name}: not UTF-8: {error}") from error
        new = 0
        with transaction.atomic():
            for line, row in rows:
                try:
                    new += self._promise(row)
                except bonuses.BonusError as error:
                    raise CommandError(f"{name}, line {line}: {error}. Nothing is paid") from error
        self.stdout.write(f"{new} bonuses on their way, {len(rows) - new} ordered before")

    def _rows(self, file: TextIO) -> list[tuple[int, dict[str, str]]]:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise CommandError(f"the columns {', '.join(COLUMNS)} are expected: {', '.join(missing)} missing")
        return [(reader.line_num, {name: (row[name] or "").strip() for name in COLUMNS}) for row in reader]

    def _promise(self, row: dict[str, str]) -> bool:
        found = Assignment.objects.filter(assignment_id=row["assignment"], worker__worker_id=row["worker"]).first()
        if found is None:
            raise bonuses.BonusError(f"{row['worker']!r} has sent no assignment {row['assignment']!r}")
        try:
            amount = Decimal(row["amount"])
        except InvalidOperation:
            raise bonuses.BonusError(f"the amount {row['amount']!r} is no number of dollars and cents") from None
        return bonuses.promise(found.pk, amount, row["reason"])[1]
