"""Blocks: a blocked worker is kept out by our own pages at once; the marketplace is told, again until it knows."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from annotation.crowd.client import Crowd
from annotation.models import Finding, Worker
from annotation.task_names import PUSH_BLOCK
from benchmark_site.jobs.enqueue import enqueue

REASON = "You cannot work on our tasks any more."


@transaction.atomic
def set_blocked(worker_id: int, *, blocked: bool, reason: str = "") -> None:
    """Block a worker, or let him in again. Takes effect with the commit; the marketplace hears of it after that."""
    worker = Worker.objects.select_for_update(no_key=True).get(pk=worker_id)
    if worker.blocked != blocked:
        worker.blocked_at = timezone.now() if blocked else None
    worker.blocked, worker.block_reason = blocked, reason if blocked else ""
    worker.save(update_fields=["blocked", "blocked_at", "block_reason"])
    enqueue(PUSH_BLOCK, worker_id=worker_id)


def untold() -> QuerySet[Worker]:
    """Workers of whom the marketplace does not know yet that they are blocked, or no longer."""
    return Worker.objects.exclude(blocked=F("blocked_there"))


@transaction.atomic
def push_block(worker_id: int) -> None:
    """Tell the marketplace. Safe to repeat, and after each change: the row says what is meant now."""
    worker = (
        Worker.objects.select_for_update(no_key=True).filter(pk=worker_id).exclude(blocked=F("blocked_there")).first()
    )
    if worker is None:
        return
    crowd = Crowd(worker.environment)
    if worker.blocked:
        crowd.block(worker.worker_id, worker.block_reason or REASON)
    else:
        crowd.unblock(worker.worker_id)
    worker.blocked_there = worker.blocked
    worker.save(update_fields=["blocked_there"])


def compare_blocks(crowd: Crowd, environment: str) -> None:
    """Take over blocks that another client has made; one that it took back is made again."""
    theirs = crowd.blocks()
    ours = Worker.objects.filter(environment=environment)
    for worker in ours.filter(worker_id__in=theirs, blocked=False, blocked_there=False):
        set_blocked(worker.pk, blocked=True, reason=theirs[worker.worker_id])
        Worker.objects.filter(pk=worker.pk).update(blocked_there=True)
        Finding.objects.get_or_create(
            environment=environment, subject=worker.worker_id, text="blocked at the marketplace by another client"
        )
    ours.filter(blocked_there=True).exclude(worker_id__in=theirs).update(blocked_there=False)
