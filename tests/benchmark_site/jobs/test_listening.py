"""A worker says that it listens, and stops saying so when it is gone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmark_site.jobs import listening
from benchmark_site.jobs.asking import open_store
from benchmark_site.leaderboard.task_names import COMPARE, SCORE

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _nobody() -> None:
    """No worker of another test is heard any more."""
    store = open_store()
    for key in store.scan_iter("listened:*"):
        store.delete(key)


def test_a_worker_is_heard_from_its_start_until_half_a_minute_after_its_end(tmp_path: Path) -> None:
    assert listening.silent(["again", "score"]) == ["again", "score"]
    command = [sys.executable, "-m", "celery", "-A", "benchmark_site.celery", "worker", "-Q", "again", "-c", "1"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not listening.has_worker(COMPARE):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.2)
        assert not listening.has_worker(SCORE)
    finally:
        process.kill()
        process.wait()
    (key,) = open_store().scan_iter("listened:*")
    assert 0 < open_store().ttl(key) <= listening.LASTS_S


def test_where_the_broker_is_away_nobody_works(settings: Any) -> None:
    listening.say(["score"])
    assert listening.has_worker(SCORE)
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert not listening.has_worker(SCORE)
