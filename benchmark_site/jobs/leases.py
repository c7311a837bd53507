"""Leases: a row of work has one worker at a time, known by a token, alive as long as its heart beats.

Messages may come twice and workers may be killed. A lease is taken under the row's lock and measured on the database's
clock alone, so that a worker whose own clock is wrong neither looks dead nor takes others for dead. What a worker saves
it saves under a lock that checks the lease again: one that was slow to die changes nothing.

A leased row is the lease: `pk` and `claimed_by` of the object that `acquire` returned say whose it is.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar, TypeVar

from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

HEARTBEAT_S = 5.0
STALE_S = 30.0
MAX_ATTEMPTS = 3

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker has taken the row over, or there is no more work on it."""


class Leased(models.Model):
    """A row that one worker at a time works on, in at most MAX_ATTEMPTS attempts."""

    STARTED: ClassVar[Mapping[str, object]] = {}  # columns that change when a worker takes the row

    claimed_by = models.CharField(max_length=100, blank=True, help_text="host, process and claim")
    heartbeat = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True

    @staticmethod
    def unfinished() -> Q:
        """Which rows of the table there is work on."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Fail the locked row: the worker of its last attempt died without a word."""
        raise NotImplementedError


Row = TypeVar("Row", bound=Leased)


def available(model: type[Row]) -> QuerySet[Row]:
    """Rows that wait for a worker: never leased, given back, or with a heartbeat that stopped."""
    return model._default_manager.filter(model.unfinished(), Q(claimed_by="") | Q(heartbeat__lt=stale()))


def stale() -> Combinable:
    """The time before which a heartbeat is that of a dead worker, and a message that has not come is lost."""
    return Now() - timedelta(seconds=STALE_S)


def acquire(model: type[Row], pk: int) -> Row | None:
    """Lease a row that waits, or None where there is nothing to do. After the last attempt it is given up instead."""
    with transaction.atomic():
        row = available(model).select_for_update(of=("self",)).filter(pk=pk).first()
        if row is None:
            return None
        if row.attempt >= MAX_ATTEMPTS:
            row.give_up()
            return None
        changes = {"claimed_by": _token(model), "heartbeat": Now(), "attempt": F("attempt") + 1, **model.STARTED}
        model._default_manager.filter(pk=pk).update(**changes)
        row.refresh_from_db()
        return row


def still_leased(lease: Row) -> QuerySet[Row]:
    """The row as long as this worker has it, else nothing."""
    rows = type(lease)._default_manager.filter(lease.unfinished(), pk=lease.pk, claimed_by=lease.claimed_by)
    return rows.exclude(claimed_by="")


def heartbeat(lease: Leased, **progress: object) -> bool:
    """Say that the worker lives, and how far it is. False where the lease is lost.

    A database that is away for a moment does not end the work: when it is back, the row decides.
    """
    try:
        return bool(still_leased(lease).update(heartbeat=Now(), **progress))
    except (OperationalError, InterfaceError) as error:
        logger.warning("%s: no heartbeat: %s", lease, error)
        connection.close()
        return True


@contextmanager
def heartbeats(lease: Leased) -> Iterator[None]:
    """Have a thread say every few seconds that this worker lives."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat_until, args=(lease, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def locked(lease: Row) -> Iterator[Row]:
    """A transaction on the row, fresh and locked, that this worker still has. Raises LeaseLost.

    The heartbeat waits for the lock meanwhile and is set at the end, so that a long transaction does not look dead.
    """
    with transaction.atomic():
        row = still_leased(lease).select_for_update(of=("self",)).first()
        if row is None:
            raise LeaseLost(f"{lease} is no longer leased by {lease.claimed_by}")
        yield row
        still_leased(lease).update(heartbeat=Now())


def _token(model: type[Leased]) -> str:
    """Host, process and 64 random bits; where the column is short, the end of that."""
    token = f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(8)}"
    length = model._meta.get_field("claimed_by").max_length or len(token)
    return token[-length:]


def _beat_until(lease: Leased, stop: threading.Event) -> None:
    try:
        while not stop.wait(HEARTBEAT_S):
            heartbeat(lease)
    finally:
        connection.close()
