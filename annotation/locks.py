"""The one order in which rows of the crowd's work are locked, so that no two transactions wait for each other.

1. HITs, by key.
2. Workers, by key.
3. Answers, by key: in one statement all that the transaction will write, whatever HIT they belong to.
4. What answers become, by key: clips, then segments.
5. Batches, by key.

A transaction may leave steps out and never goes back. Rows that it makes are nobody else's. What is easily overlooked:

- An UPDATE locks, too.
- PostgreSQL looks at foreign keys when a transaction ends. What is named is locked then, against whoever would delete
  it, and named it is by each new row, and by a row that the transaction has written twice. Nobody has to wait there:
  all locks but those of rows to be deleted are `no_key`, against writers alone.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet

from annotation.models import Assignment, Batch, Hit, Worker

Keys = Collection[int] | QuerySet[Any, Any]  # primary keys, or a query for them


def locked_hits(keys: Keys) -> QuerySet[Hit]:
    """HITs with their batches. Answers of theirs may be on their way meanwhile; nobody stores one."""
    rows = Hit.objects.select_for_update(of=("self",), no_key=True).select_related("batch")
    return rows.filter(pk__in=keys).order_by("pk")


def locked_workers(keys: Keys) -> QuerySet[Worker]:
    """Workers whose counts are written; what they send comes all the same."""
    return Worker.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")


def locked_answers(which: Q) -> QuerySet[Assignment]:
    """Answers, chosen by whatever is known of them."""
    return Assignment.objects.select_for_update(of=("self",), no_key=True).filter(which).order_by("pk")


def locked_batches(keys: Keys) -> QuerySet[Batch]:
    """Batches, last: whoever holds one waits for nobody."""
    return Batch.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")
