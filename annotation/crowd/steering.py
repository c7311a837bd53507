"""A batch under way: pause, go on, more time, stop. The state is ours at once; the marketplace is told HIT by HIT.

How long each HIT may be accepted is the outbox: `Hit.ends_at` is what the marketplace was told, and `_wanted_end` what
it should know. They are compared again until they are equal, so that nothing is lost with a message.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from annotation.crowd.client import HIT_LIFETIME, NOW, Crowd
from annotation.crowd.decisions import finish
from annotation.crowd.launch import LaunchError
from annotation.crowd.reconcile import adopt, mend
from annotation.locks import locked_batches
from annotation.models import Assignment, Batch, Hit
from annotation.review import ledger
from annotation.task_names import CLOSE_BATCH, STEER_BATCH
from benchmark_site.jobs.enqueue import enqueue

AT_ONCE = 500  # HITs told by one task


def request_pause(batch_id: int) -> None:
    """Let nobody accept for the time being; who has accepted goes on. Raises LaunchError."""
    with transaction.atomic():
        batch = _locked(batch_id, {Batch.State.OPEN}, "only an open batch can be paused")
        batch.state = Batch.State.PAUSED
        batch.save(update_fields=["state"])
        enqueue(STEER_BATCH, batch_id=batch_id)


def request_resume(batch_id: int) -> None:
    """Go on with a paused batch, for as long as a new one. Raises LaunchError, also where the budget is used up."""
    with transaction.atomic():
        batch = _locked(batch_id, {Batch.State.PAUSED}, "only a paused batch can go on")
        batch.state, batch.ends_at = Batch.State.OPEN, timezone.now() + HIT_LIFETIME
        batch.save(update_fields=["state", "ends_at"])
        enqueue(STEER_BATCH, batch_id=batch_id)


def request_extension(batch_id: int, days: int) -> None:
    """Let workers accept for so many days more (1 to 90). Raises LaunchError."""
    with transaction.atomic():
        batch = _locked(batch_id, {Batch.State.OPEN}, "only an open batch can be extended")
        if not 1 <= days <= 90:
            raise LaunchError(f"{days} days: give 1 to 90")
        batch.ends_at = max(batch.ends_at or timezone.now(), timezone.now()) + timedelta(days=days)
        batch.save(update_fields=["ends_at"])
        enqueue(STEER_BATCH, batch_id=batch_id)


def request_close(batch_id: int) -> None:
    """Stop asking: no new work is accepted, what is submitted is still reviewed and paid. Raises LaunchError."""
    with transaction.atomic():
        running = {Batch.State.LAUNCHING, Batch.State.OPEN, Batch.State.PAUSED}
        batch = _locked(batch_id, running, "only an open batch can be closed, or one that is launching or paused")
        batch.state, batch.error, batch.held_back = Batch.State.CLOSING, "", False
        batch.save(update_fields=["state", "error", "held_back"])
        enqueue(CLOSE_BATCH, batch_id=batch_id)


def steer(batch_id: int) -> None:
    """Tell the marketplace the end of each open HIT that it does not know yet. Safe to repeat."""
    batch = Batch.objects.get(pk=batch_id)
    todo, end = list(untold(batch)[:AT_ONCE]), _wanted_end(batch)
    if not todo or end is None:
        return
    crowd = Crowd(batch.environment)
    for hit in todo:
        assert hit.hit_id is not None
        crowd.set_end(hit.hit_id, end)
        Hit.objects.filter(pk=hit.pk).update(ends_at=end)
        mend(crowd, hit.pk)
    if untold(batch).exists():
        with transaction.atomic():
            enqueue(STEER_BATCH, batch_id=batch_id)


def untold(batch: Batch) -> QuerySet[Hit]:
    """Open HITs whose end the marketplace does not know yet."""
    end = _wanted_end(batch)
    if end is None:
        return batch.hits.none()
    return batch.hits.filter(Q(ends_at=None) | ~Q(ends_at=end), state=Hit.State.OPEN).order_by("pk")


def close(batch_id: int) -> bool:
    """Expire what is open and give back what it held; True once nothing of the batch waits for anybody.

    What was never launched ends here without a word to the marketplace. Safe to repeat: the sweeper does.
    """
    batch = Batch.objects.get(pk=batch_id)
    if batch.state != Batch.State.CLOSING:
        return True
    _end_waiting(batch)
    steer(batch_id)
    undecided = [Assignment.State.SUBMITTED, Assignment.State.APPROVING, Assignment.State.REJECTING]
    ours = batch.hits.filter(assignments__state__in=undecided).values("pk")
    theirs = list(batch.hits.filter(state=Hit.State.OPEN).exclude(pk__in=ours).values_list("pk", flat=True))
    if theirs:
        crowd = Crowd(batch.environment)
        for pk in theirs:
            mend(crowd, pk)
    with transaction.atomic():
        last = batch.hits.select_for_update(no_key=True).order_by("-pk").first()
        if last is not None:
            finish(last)
        else:
            Batch.objects.filter(pk=batch_id).update(state=Batch.State.CLOSED)
    batch.refresh_from_db()
    return batch.state == Batch.State.CLOSED


def _end_waiting(batch: Batch) -> None:
    """End units that wait to be launched. One whose launch was cut off is looked for first: it may have a HIT."""
    waiting = batch.hits.filter(state=Hit.State.WAITING)
    if batch.hit_type_id and waiting.exclude(asked_at=None).exists():
        known = Crowd(batch.environment).hits_by_annotation()
        for hit in waiting.exclude(asked_at=None).filter(request_token__in=known):
            adopt(hit, known[hit.request_token])
    with transaction.atomic():
        for hit in waiting.select_for_update(of=("self",), no_key=True).select_related("batch").order_by("pk"):
            ledger.hold_for(hit, 0)
        waiting.update(state=Hit.State.EXPIRED)


def _locked(batch_id: int, states: set[Batch.State], rule: str) -> Batch:
    batch = locked_batches([batch_id]).get()
    if batch.state not in states:
        raise LaunchError(f"“{batch}” is {batch.get_state_display()}: {rule}")
    return batch


def _wanted_end(batch: Batch) -> datetime | None:
    """None for a batch from before ends were kept."""
    if batch.state in {Batch.State.PAUSED, Batch.State.CLOSING}:
        return NOW
    return batch.ends_at
