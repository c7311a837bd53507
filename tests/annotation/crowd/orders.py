"""What tests of the crowd order, and what they ask of the marketplace."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

from django.db import connection, models

from annotation.crowd import decisions, launch
from annotation.crowd.client import Crowd
from annotation.models import Assignment, Batch
from annotation.models.crowd import Kind
from annotation.review import verdicts
from annotation.review.verdicts import Verdict

GOOD = {"start": 5.0, "end": 12.0}


def make_batch(kind: Kind = Kind.SEGMENT, budget: str = "5.00", **values: Any) -> Batch:
    return Batch.objects.create(
        name=f"batch {secrets.token_hex(3)}",
        kind=kind,
        reward=Decimal("0.12"),
        budget=Decimal(budget),
        **{"assignments_per_hit": 2, **values},
    )


def launch_batch(batch: Batch) -> Batch:
    launch.request_launch(batch.pk)
    launch.launch(batch.pk)
    batch.refresh_from_db()
    return batch


def use(assignment: Assignment) -> None:
    verdicts.decide(assignment.pk, Verdict.USE, None)
    decisions.push_decision(assignment.pk)


def every_hit() -> list[dict[str, Any]]:
    pages = Crowd("local").client.get_paginator("list_hits").paginate()
    return [hit for page in pages for hit in page["HITs"]]


def insert(model: type[models.Model], source: str, params: list[Any], **columns: str) -> None:
    """Many rows in one statement: an SQL expression for each of these columns, the model's default for the others.

    `source` is what follows FROM; `params` fill the %s of the expressions, in their order, and then of the source.
    """
    given, defaults = dict(columns), []
    for field in model._meta.concrete_fields:
        if field.column not in columns and not field.null and not field.primary_key:
            given[field.column] = "%s"
            defaults.append(field.get_db_prep_save(field.get_default(), connection))
    names = ", ".join(f'"{name}"' for name in (*[n for n in given if n not in columns], *columns))
    values = ", ".join(("%s",) * len(defaults) + tuple(columns.values()))
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{model._meta.db_table}" ({names}) SELECT {values} FROM {source}', defaults + params
        )
