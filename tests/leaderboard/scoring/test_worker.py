"""kill -9 of a real Celery worker in the middle of a scoring: another one ends it, nothing is scored twice."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from django.db import connection
from django.utils import timezone

from benchmark_site.leaderboard import tasks
from benchmark_site.leaderboard.models import Evaluation, Membership, Score, State, Submission, Track
from benchmark_site.leaderboard.submissions import submit
from benchmark_site.leaderboard.teams.tokens import create_token
from evaluation.release import Release as ReleaseFolder
from tests.leaderboard.conftest import REPOSITORY, ApiClient, small_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1900), pytest.mark.django_db(transaction=True)]
MANY = 200


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


def test_many_submissions_outlive_their_workers_and_a_flushed_broker(
    membership: Membership,
    tracks: dict[str, Track],
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every one ends done or refused, each is scored once, and as it is when it is scored alone."""
    monkeypatch.setattr(submit, "MOST_UNDER_WAY", MANY)
    track, log = tracks["qa/val"], tmp_path / "worker.log"
    Track.objects.filter(pk=track.pk).update(per_day=MANY, total=MANY)
    ids = ReleaseFolder.open(track.release.folder).questions("val").qids.tolist()
    api, rng = ApiClient(create_token(membership)), random.Random(18)
    for n in range(MANY):
        # A hundred attempts a day are taken from a person: the others are of another day.
        Submission.objects.update(created_at=timezone.now() - timedelta(days=2))
        answers = {str(one): rng.randrange(4) for one in ids} | ({"x": 1} if n % 10 == 0 else {})
        assert api.post(track, small_file(tmp_path, f"{n}.json", json.dumps(answers)))[0] == 201
    started, flushed, killed = time.monotonic(), 0, 0
    while Evaluation.objects.filter(Evaluation.unfinished()).exists():
        assert time.monotonic() - started < 600 + 6 * MANY, log.read_text()[-3000:]
        with worker(settings.MEDIA_ROOT, log), worker(settings.MEDIA_ROOT, log):
            time.sleep(rng.uniform(20, 45))  # then both are killed
        if not flushed or rng.random() < 0.3:
            redis.Redis.from_url(os.environ["CELERY_BROKER_URL"]).flushall()
            flushed += 1
        killed += Evaluation.objects.filter(state=State.RUNNING).count()
        now = timezone.now()  # as if a minute went by, and nobody's third attempt came of our kills alone
        Evaluation.objects.filter(state=State.RUNNING).update(heartbeat=now - timedelta(minutes=1), attempt=1)
        Evaluation.objects.filter(state=State.QUEUED).update(queued_at=now - timedelta(minutes=2))
        tasks.sweep()
    assert flushed
    assert killed  # in the middle of a scoring
    assert Counter(Evaluation.objects.values_list("state", flat=True)) == {
        State.DONE: MANY - MANY // 10, State.FAILED: MANY // 10
    }  # fmt: skip
    assert all("refused" in one.error for one in Evaluation.objects.filter(state=State.FAILED))
    assert Score.objects.count() == MANY - MANY // 10
    right = dict(zip(ids, ReleaseFolder.open(track.release.folder).questions("val").answer.tolist(), strict=True))
    for score in Score.objects.select_related("evaluation__submission"):
        given = json.loads(Path(score.evaluation.submission.file.path).read_text())
        hits = sum(given[str(one)] == answer for one, answer in right.items())
        assert score.value == hits / len(right) * 100


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
