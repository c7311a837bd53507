"""Who builds a release: one worker at a time, known by a token, alive as long as its heart beats.

Messages may come twice and workers may be killed. A claim is one conditional UPDATE on the database's own clock;
every step commits under a lock that checks the claim again, so a worker that was slow to die changes nothing.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from benchmark_site.releases.models import Release

BEAT_S = 5.0
STALE_S = 30.0
MAX_ATTEMPTS = 3

logger = logging.getLogger(__name__)


class ClaimLost(Exception):
    """Another worker has taken the release over, or it is no longer being built."""


def waiting() -> QuerySet[Release]:
    """Releases that wait for a worker: never claimed, given back, or with a heartbeat that stopped."""
    stale = Q(heartbeat__lt=Now() - timedelta(seconds=STALE_S))
    return Release.objects.filter(Q(claimed_by="") | stale, state=Release.State.BUILDING)


def claim(release_id: int) -> str | None:
    """Take a waiting release; its token, or None where there is nothing to do. A fourth attempt fails it instead."""
    row = waiting().filter(pk=release_id)
    spent = row.filter(attempt__gte=MAX_ATTEMPTS)
    if spent.update(
        state=Release.State.FAILED,
        claimed_by="",
        reason=f"{MAX_ATTEMPTS} attempts ended without a word: the worker was killed each time (out of memory?)",
    ):
        return None
    token = uuid.uuid4().hex
    taken = row.update(claimed_by=token, heartbeat=Now(), attempt=F("attempt") + 1)
    return token if taken else None


@contextmanager
def held(release_id: int, token: str) -> Iterator[Release]:
    """A transaction on a release that this worker still holds. Raises ClaimLost.

    The heartbeat waits for the lock meanwhile and is set at the end, so that a long transaction does not look dead.
    """
    with transaction.atomic():
        release = Release.objects.select_for_update().filter(pk=release_id, claimed_by=token).first()
        if release is None or not token:
            raise ClaimLost(f"release {release_id} is no longer held by {token}")
        yield release
        Release.objects.filter(pk=release_id, claimed_by=token).update(heartbeat=Now())


@contextmanager
def beating(release_id: int, token: str) -> Iterator[None]:
    """Have a thread say every few seconds that this worker lives."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(release_id, token, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(release_id: int, token: str, stop: threading.Event) -> None:
    try:
        while not stop.wait(BEAT_S):
            try:
                Release.objects.filter(pk=release_id, claimed_by=token).update(heartbeat=Now())
            except (OperationalError, InterfaceError) as error:  # the database restarts: try again
                logger.warning("release %s: no heartbeat: %s", release_id, error)
                connection.close()
    finally:
        connection.close()
