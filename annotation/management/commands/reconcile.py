"""Compare everything with the marketplace, now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.crowd import reconcile
from annotation.crowd.client import CrowdError, missing_keys
from annotation.models import Finding, Reconciliation
from annotation.models.crowd import Environment


class Command(BaseCommand):
    help = "Compare every HIT, answer, payment, bonus and block with the marketplace; mend what has one meaning."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--environment", choices=Environment.values, default=Environment.LOCAL)

    def handle(self, *args: Any, **options: Any) -> None:
        environment = options["environment"]
        if problem := missing_keys(environment):
            raise CommandError(problem)
        row = Reconciliation.objects.create(environment=environment)
        try:
            reconcile.complete(row.pk)
        except CrowdError as error:
            Reconciliation.objects.filter(pk=row.pk).update(state=Reconciliation.State.FAILED, error=str(error))
            raise CommandError(f"the marketplace does not answer as it should: {error}") from error
        row.refresh_from_db()
        findings = Finding.objects.filter(environment=environment, found_at__gte=row.created_at)
        self.stdout.write(f"{row.checked} HITs compared, {row.mended} mended, {findings.count()} new findings")
        for finding in findings:
            self.stdout.write(str(finding))
