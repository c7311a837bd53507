"""What a worker does when it starts, and between tasks."""

from __future__ import annotations

import json
from contextlib import closing

import pytest
import redis
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_prerun, worker_ready
from django.conf import settings
from django.db import connection

from annotation.tasks import sweep
from benchmark_site.celery import app


class Started:
    """What Celery says who is ready by."""

    app = app


@pytest.mark.parametrize(("queue", "swept"), [("default", True), ("score", False)])
def test_the_worker_that_sweeps_begins_with_a_sweep(queue: str, swept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.amqp.queues, "_consume_from", {queue: app.amqp.queues[queue]})
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.delete("default")
        worker_ready.send(sender=Started())
        sent = {json.loads(raw)["headers"]["task"] for raw in broker.lrange("default", 0, -1)}
        broker.delete("default")
    sweeps = {f"{name}.tasks.sweep" for name in ("annotation", "benchmark_site.releases", "benchmark_site.leaderboard")}
    assert sent == (sweeps if swept else set())


@pytest.mark.django_db(transaction=True)
def test_a_task_finds_the_connection_of_the_one_before_or_a_new_one_where_that_is_cut() -> None:
    assert DjangoWorkerFixup(app).db_reuse_max == settings.CELERY_DB_REUSE_MAX
    found = []
    try:
        for cut in (False, True, False):
            task_prerun.send(sender=sweep)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                found.append(cursor.fetchone()[0])
            if cut:
                with closing(connection.copy()) as other, other.cursor() as cursor:
                    # waits until it is gone: a query before that fails, here as in life
                    cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [found[-1]])
                    assert cursor.fetchone() == (True,)
    finally:
        connection.close()  # whatever became of it, the next test begins with one of its own
    assert found[0] == found[1] != found[2]
