"""A campaign from the command line: draft, cost, launch, progress, orders, results."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from annotation import campaigns
from annotation.crowd import steering
from annotation.models import Batch


class Command(BaseCommand):
    help = "Run a campaign: create a draft from JSON, see its cost, launch it, follow and steer it, take its results."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="a draft from a JSON object with the fields of the form")
        create.add_argument("file", help="JSON, UTF-8; - reads standard input")
        for verb, help_text in {
            "cost": "what the draft costs at most, fees included",
            "launch": "launch the draft",
            "progress": "units, answers, money",
            "pause": "nobody may start for now",
            "resume": "go on",
            "extend": "more days to accept",
            "rest": "the units behind the canaries",
            "again": "new HITs for units that are over with answers missing",
            "stop": "ask nobody any more",
            "results": "every answer so far, a JSON object a line",
        }.items():
            one = verbs.add_parser(verb, help=help_text)
            one.add_argument("batch", help="name of the batch")
            if verb == "launch":
                one.add_argument("--amount", required=True, help="US dollars it may cost: the total that `cost` prints")
            if verb == "extend":
                one.add_argument("--days", type=int, required=True, help="1 to 90")

    def handle(self, *args: Any, **options: Any) -> None:
        verb = options["verb"]
        try:
            if verb == "create":
                self.stdout.write(str(campaigns.draft(_read(options["file"]))))
                return
            batch = Batch.objects.filter(name=options["batch"]).first()
            if batch is None:
                raise CommandError(f"there is no batch {options['batch']!r}")
            self._do(verb, batch, options)
        except (campaigns.DraftError, campaigns.LaunchError) as error:
            raise CommandError(str(error)) from error

    def _do(self, verb: str, batch: Batch, options: dict[str, Any]) -> None:
        if verb == "cost":
            self._print(campaigns.cost(batch), indent=2)
        elif verb == "results":
            for row in campaigns.results(batch):
                self._print(row)
        else:
            if verb == "launch":
                campaigns.launch_for(batch.pk, options["amount"])
            elif verb == "extend":
                steering.request_extension(batch.pk, options["days"])
            elif verb != "progress":
                campaigns.ORDERS[verb](batch.pk)
            batch.refresh_from_db()
            self._print(campaigns.progress(batch), indent=2)

    def _print(self, value: dict[str, Any], indent: int | None = None) -> None:
        self.stdout.write(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=indent))


def _read(name: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
        values = json.loads(text)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error
    except ValueError as error:  # neither UTF-8 nor JSON
        raise CommandError(f"{name}: expected is JSON in UTF-8: {error}") from error
    if not isinstance(values, dict):
        raise CommandError(f"{name}: expected is a JSON object with the fields {', '.join(campaigns.FIELDS)}")
    return values
