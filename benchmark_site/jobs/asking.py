"""Asking a worker while somebody waits: question and answer lie in the broker's store for minutes, and nowhere else.

For what may be lost and asked again. What must not be lost is a row with a lease (`benchmark_site.jobs.leases`).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import redis
from celery import current_app
from django.conf import settings

KEEP_S = 600  # an answer
STORE_S = 1.0  # the store answers, or is given up
MOST_WAITING = 50  # questions of one queue; whoever asks then is not put into it


def look(task: str, asked: dict[str, Any], *, wait_s: float, asker: str = "") -> Any:
    """The answer of `task`, called with ``asked``; None while there is none: then it is asked, once in ``wait_s``.

    What no worker has taken up within ``wait_s`` is dropped, and a full queue takes nothing more. Of an ``asker`` that
    is named one question waits at a time. Raises redis.RedisError and kombu's OperationalError where the broker cannot
    be reached.
    """
    store, key = open_store(), _key(task, asked)
    found = store.get(key)
    if found:
        return json.loads(found)
    queue, lasts_ms = settings.CELERY_TASK_ROUTES[task]["queue"], round(1000 * (wait_s + 1))
    if store.llen(queue) < MOST_WAITING and _is_free(store, asker) and store.set(key, "", nx=True, px=lasts_ms):
        if asker:
            store.set(_asker_key(asker), key, px=lasts_ms)
        current_app.send_task(task, kwargs=asked, expires=wait_s, retry=False)
    return None


def leave(task: str, asked: dict[str, Any], answer: Any) -> None:
    """Put the answer where `look` finds it. In a worker."""
    open_store().set(_key(task, asked), json.dumps(answer), ex=KEEP_S)


def open_store() -> redis.Redis:
    """The broker's, given up where it does not answer at once."""
    return redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=STORE_S)


def _is_free(store: redis.Redis, asker: str) -> bool:
    """Whether the asker's last question is answered or given up."""
    last = store.get(_asker_key(asker)) if asker else None
    return last is None or store.get(last) != b""


def _asker_key(asker: str) -> str:
    return f"asker:{asker}"


def _key(task: str, asked: dict[str, Any]) -> str:
    return f"asked:{task}:{hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()}"
