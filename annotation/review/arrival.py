"""Who was not to do a task: of another group, blocked, beyond a limit, or at the same unit before.

Our page asks before it shows a task; what is sent all the same is marked for the reviewer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Case, Prefetch, Q, QuerySet, Subquery, Value, When, prefetch_related_objects

from annotation.models import Assignment, Batch, Bonus, Hit, Receipt
from annotation.models.crowd import Kind
from annotation.review.flag import Flag

ON_ITS_WAY = timedelta(minutes=30)  # from our page to the marketplace; what has not arrived then may be made up
UNIT = ("clip", "segment", "question", "doubt")  # what a HIT asks about


def of_arrival(assignment: Assignment, asked_once: Collection[int] = ()) -> list[Flag]:
    """That the worker was not to do this task. `asked_once`: HITs that `look_up` has found to be the only one."""
    hit, worker = assignment.hit, assignment.worker
    found = []
    if of_another_group(assignment):
        found.append(Flag("group", f"the worker belongs to the group “{worker.group}”: pay, do not use"))
    if worker.blocked_at is not None and assignment.submitted_at >= worker.blocked_at:
        found.append(Flag("blocked", "the worker is blocked: it cannot be used"))
    if _compensated(assignment):
        found.append(Flag("compensated", "it was taken for lost, and a bonus was paid for it: it would be paid twice"))
    if limit := over_cap(hit, worker.worker_id, assignment.submitted_at):
        found.append(Flag("cap", f"more than {limit} by one worker"))
    if hit.pk not in asked_once and answered_before(hit, worker.worker_id, assignment.submitted_at):
        found.append(Flag("same unit", "the worker had answered this unit before, in another HIT: no second opinion"))
    return found


def of_another_group(assignment: Assignment) -> bool:
    """Whether the worker belongs to another group than does such tasks: nobody works on the output of two."""
    group = assignment.worker.group
    return bool(group) and group != Kind(assignment.hit.batch.kind).group


def of_own_group(batch_id: int) -> Q:
    """Of which answers of a batch the worker belongs to no other group than does its tasks: to that one, or to none.

    None are where there is no such batch.
    """
    groups = Case(*(When(kind=kind, then=Value(kind.group.value)) for kind in Kind))
    return Q(worker__group__in=["", Subquery(Batch.objects.filter(pk=batch_id).values_list(groups))])


def look_up(hits: Collection[Hit]) -> set[int]:
    """Read for several HITs at once what is asked of each answer to them: what our page received, which HITs keep, and
    whether another HIT of the batch asks about the same unit. Returns the keys of those that are the only one.
    """
    prefetch_related_objects(list(hits), Prefetch("receipts", Receipt.objects.select_related("compensation")))
    clips, segments = ({getattr(hit, f"{name}_id") for hit in hits} - {None} for name in ("clip", "segment"))
    beside = Hit.objects.filter(Q(clip__in=clips) | Q(segment__in=segments), batch__in={hit.batch_id for hit in hits})
    asked = Counter(beside.order_by().values_list("batch", *UNIT))
    return {hit.pk for hit in hits if asked[hit.batch_id, *_unit_of(hit).values()] == 1}


def receipts_of(assignment: Assignment) -> list[Receipt]:
    """What our own page received of this worker for this assignment, the first first."""
    whose = assignment.assignment_id, assignment.worker.worker_id
    return [row for row in assignment.hit.receipts.all() if (row.assignment_id, row.worker_id) == whose]


def _compensated(assignment: Assignment) -> bool:
    """Whether a bonus makes up for it; one that the marketplace refused was never paid."""
    bonuses = (getattr(receipt, "compensation", None) for receipt in receipts_of(assignment))
    return any(bonus is not None and bonus.state != Bonus.State.REFUSED for bonus in bonuses)


def _unit_of(hit: Hit) -> dict[str, int | None]:
    return {name: getattr(hit, f"{name}_id") for name in UNIT}


def over_cap(hit: Hit, worker_id: str, at: datetime) -> str:
    """Which limit the worker had reached with other units by then, such as “2 units of this batch”, or nothing."""
    for cap, what, day in (
        (hit.batch.per_worker, "of this batch", None),
        (hit.batch.per_worker_day, "of this batch in one day", at.astimezone(UTC).date()),
    ):
        if cap is not None and _sent(hit, worker_id, at, day).count() >= cap:
            return f"{cap} units {what}"
    return ""


def answered_before(hit: Hit, worker_id: str, at: datetime) -> bool:
    """Whether the worker had answered this unit in another HIT of the batch by then.

    The marketplace keeps a worker from one HIT twice, and asking again makes another one.
    """
    unit = _unit_of(hit)
    if not Hit.objects.filter(batch=hit.batch_id, **unit).exclude(pk=hit.pk).exists():
        return False  # as of nearly every unit: it is asked about once
    return _sent(hit, worker_id, at, None, **{f"hit__{name}": key for name, key in unit.items()}).exists()


def _sent(hit: Hit, worker_id: str, at: datetime, day: date | None = None, **unit: int | None) -> QuerySet[Any]:
    """Which other HITs of the batch (or of this unit of it) the worker had answered by then (that day, UTC), each once.

    What our page received counts while it may be on its way: whoever has a unit's address can send in any name. A
    union, since one question with “or” over both tables would read all answers to the batch.
    """
    received = Receipt.objects.filter(worker_id=worker_id, received_at__range=(at - ON_ITS_WAY, at))
    workers = {"worker__environment": hit.batch.environment, "worker__worker_id": worker_id}
    collected = Assignment.objects.filter(**workers, submitted_at__lte=at)
    if day is not None:
        received, collected = received.filter(received_at__date=day), collected.filter(submitted_at__date=day)
    others = {"hit__batch": hit.batch_id, **unit}
    either = [rows.filter(**others).exclude(hit=hit).order_by().values("hit") for rows in (received, collected)]
    return either[0].union(either[1])
