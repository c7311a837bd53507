"""kill -9 of a real Celery worker in the middle of a scoring: another one ends it, nothing is scored twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from benchmark_site.leaderboard import tasks
from benchmark_site.leaderboard.models import Evaluation, State, Track
from tests.leaderboard.conftest import REPOSITORY, ApiClient

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@contextmanager
def worker(media: Path, log: Path) -> Iterator[psutil.Process]:
    """A prefork worker as the platform starts it, on the test's database, killed at the end with all it has started."""
    database = os.environ["DATABASE_URL"].rsplit("/", 1)[0] + "/" + str(connection.settings_dict["NAME"])
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "benchmark_site.celery", "worker", "-Q", "score,default", "-c", "1"],
            cwd=REPOSITORY, env={**os.environ, "DATABASE_URL": database, "MEDIA_ROOT": str(media)}, stdout=output,
            stderr=output,
        )  # fmt: skip
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def test_a_killed_worker_is_followed(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path], settings: Any, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    sent = api_client.post(track, predictions())[1]
    evaluation = Evaluation.objects.get(submission=sent["id"])
    with worker(settings.MEDIA_ROOT, log) as first:
        scorer = _wait_for_scorer(first, log)
        scorer.suspend()  # so that it is still at work when its worker dies
        first.kill()
        _, alive = psutil.wait_procs([scorer], timeout=10)
        assert alive == []  # it died with its worker
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempt) == (State.RUNNING, 1)
    Evaluation.objects.update(heartbeat=timezone.now() - timedelta(minutes=1))  # a minute later the clock strikes
    tasks.sweep()
    with worker(settings.MEDIA_ROOT, log):
        deadline = time.monotonic() + 120
        while not evaluation.is_finished:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
            evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempt, evaluation.error) == (State.DONE, 2, "")
    assert evaluation.scores.filter(key=track.primary_metric).count() == 1


def _wait_for_scorer(worker: psutil.Process, log: Path) -> psutil.Process:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for one in worker.children(recursive=True):
            try:
                if "evaluation" in one.cmdline():
                    return one
            except psutil.Error:  # it has just ended
                continue
        time.sleep(0.02)
    raise AssertionError(log.read_text())
