"""Whether anybody works: each worker says which queues it listens to, as often as its heart beats, in the broker.

Celery's own `inspect` asks all workers and waits a second for them, which no page has.
"""

from __future__ import annotations

from collections.abc import Iterable

import redis
from django.conf import settings

from benchmark_site.jobs.asking import open_store

LASTS_S = 30  # after the last heartbeat, as with a lease


def say(queues: Iterable[str]) -> None:
    """Say that this worker listens to these queues. Raises redis.RedisError."""
    with open_store().pipeline(transaction=False) as pipeline:
        for queue in queues:
            pipeline.set(_key(queue), "", ex=LASTS_S)
        pipeline.execute()


def silent(queues: Iterable[str]) -> list[str]:
    """Those of the queues that no worker listens to. Raises redis.RedisError."""
    named = list(queues)
    return [queue for queue, heard in zip(named, open_store().mget(map(_key, named)), strict=True) if heard is None]


def has_worker(task: str) -> bool:
    """Whether a worker takes tasks of this name at present; where the broker cannot be reached, none does."""
    try:
        return not silent([settings.CELERY_TASK_ROUTES[task]["queue"]])
    except redis.RedisError:
        return False


def _key(queue: str) -> str:
    return f"listened:{queue}"
