"""A real worker on the queue `match`, killed in the middle of a build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings as django_settings
from django.utils import timezone

from benchmark_site.jobs.leases import STALE_S
from benchmark_site.releases import tasks
from benchmark_site.releases.models import Release
from benchmark_site.releases.services import start_release
from tests.releases.conftest import ROOT, database_url

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@contextmanager
def worker(media: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker with one pool process, killed at the end."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "MEDIA_ROOT": str(media),
    }
    command = [sys.executable, "-m", "celery", "-A", "benchmark_site.celery", "worker", "-Q", "match", "-c", "1"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, Release.objects.values_list("state", "step", "reason")
        time.sleep(0.05)


def test_a_killed_worker_is_followed_by_the_next(corpus, media):
    corpus(12)
    with redis.Redis.from_url(django_settings.CELERY_BROKER_URL) as broker:
        broker.delete("match")
    release = start_release("demo", "1.0.0", hidden=Release.Hidden.SHARED)
    row = Release.objects.filter(pk=release.pk)
    with worker(media) as first:
        wait_until(lambda: row.filter(step="match").exclude(claimed_by="").exists())
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert row.get().state == "building"
    row.update(heartbeat=timezone.now() - timedelta(seconds=STALE_S + 1))
    with worker(media):
        tasks.sweep()
        wait_until(lambda: row.get().state != "building")
    release.refresh_from_db()
    assert release.state == "frozen", release.reason
    assert release.attempt == 2
    assert release.items.count() == 48
