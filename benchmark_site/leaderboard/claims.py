"""Claims on rows of work: one worker at a time, a dead one is followed, three attempts and no more."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.db.models import Q
from django.utils import timezone

from benchmark_site.leaderboard.models.work import State, Work

HEARTBEAT_S = 5
STALE = timedelta(seconds=30)
MAX_ATTEMPTS = 3
_WOKEN_AT_ONCE = 20

Row = TypeVar("Row", bound=Work)


def claim(model: type[Row], pk: int) -> Row | None:
    """Take a waiting row, or one whose worker has died. None where there is nothing to do for this delivery."""
    with transaction.atomic():
        row = model._default_manager.select_for_update(of=("self",)).filter(_due(), pk=pk).first()
        if row is None:
            return None
        if row.attempt >= MAX_ATTEMPTS:
            row.end(State.FAILED, f"given up: the worker stopped in the middle of it {row.attempt} times", row.log)
            return None
        row.state = State.RUNNING
        row.claimed_by = f"{socket.gethostname()[:60]} {os.getpid()} {secrets.token_hex(8)}"
        row.heartbeat = timezone.now()
        row.attempt += 1
        row.save()
        return row


def beat(row: Work, **progress: object) -> bool:
    """Say that the claim lives, and how far it is. False where it is no longer ours: cancelled, or taken over.

    A database that is away for a moment does not end the work: when it is back, the row decides.
    """
    try:
        ours = type(row)._default_manager.filter(pk=row.pk, state=State.RUNNING, claimed_by=row.claimed_by)
        return bool(ours.update(heartbeat=timezone.now(), **progress))
    except (OperationalError, InterfaceError):
        connection.close()
        return True


def lock_claimed(row: Row) -> Row | None:
    """The row under lock, fresh, if the claim still holds (call it inside a transaction)."""
    ours = type(row)._default_manager.select_for_update(of=("self",))
    return ours.filter(pk=row.pk, state=State.RUNNING, claimed_by=row.claimed_by).first()


def release(row: Work, error: str, log: str) -> None:
    """Put a locked row back into the queue after a failed attempt."""
    row.state, row.claimed_by, row.error, row.log = State.QUEUED, "", error, log
    row.queued_at = timezone.now()
    row.save()


def forgotten(model: type[models.Model]) -> list[int]:
    """Keys of rows whose worker has died, and of the oldest that have waited long enough for their message to be lost.

    Of a long queue only the oldest are woken: their messages are most likely under way, and every wake adds one.
    """
    rows = model._default_manager.order_by("queued_at").values_list("pk", flat=True)
    waiting = rows.filter(state=State.QUEUED, queued_at__lt=timezone.now() - STALE)
    return [*rows.filter(_dead()), *waiting[:_WOKEN_AT_ONCE]]


def _due() -> Q:
    return Q(state=State.QUEUED) | _dead()


def _dead() -> Q:
    return Q(state=State.RUNNING, heartbeat__lt=timezone.now() - STALE)
