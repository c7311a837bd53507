"""What tests of the crowd order, and what they ask of the marketplace."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

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
