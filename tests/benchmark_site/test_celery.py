"""What a worker does when it starts."""

from __future__ import annotations

import json

import pytest
import redis
from celery.signals import worker_ready
from django.conf import settings

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
