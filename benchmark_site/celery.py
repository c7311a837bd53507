"""The Celery application: `celery -A benchmark_site.celery worker -Q default`."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import redis
from celery import Celery
from celery.signals import heartbeat_sent, task_prerun, worker_process_init, worker_ready
from django.db import close_old_connections

from benchmark_site.jobs import listening
from benchmark_site.local.processes import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmark_site.settings")
# `migrate` has run Django's checks, which load every page of the site: a worker that starts again has work to do.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("benchmark_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def _leave_no_orphan(**_: object) -> None:
    """A pool process dies with its worker, so that a task redelivered after kill -9 never runs beside its ghost."""
    tie = die_with_parent("SIGKILL")
    if tie is not None:
        tie()


@task_prerun.connect
def _look_at_connections(**_: object) -> None:
    """As before a request: what is old, or cut since the task before, is replaced."""
    close_old_connections()


@heartbeat_sent.connect
def _say_what_is_listened_to(**_: object) -> None:
    """Every two seconds, from the worker itself: its pool may be at work meanwhile. The next one says it again."""
    with suppress(redis.RedisError):
        listening.say(app.amqp.queues.consume_from)


@worker_ready.connect
def _look_for_what_waits(sender: Any, **_: object) -> None:
    """The worker that sweeps begins with it: what one that died was at is found at once, not after a minute."""
    conf = sender.app.conf
    if conf.task_default_queue in sender.app.amqp.queues.consume_from:
        for name in {entry["task"] for entry in conf.beat_schedule.values() if entry["task"].endswith(".sweep")}:
            sender.app.send_task(name)
