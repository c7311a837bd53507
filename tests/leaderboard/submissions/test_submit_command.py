"""`python -m evaluation submit` against the running site: checked here first, sent, waited for, printed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connections
from pytest_django.live_server_helper import LiveServer

from benchmark_site.leaderboard.boards.tracks import open_boards
from benchmark_site.leaderboard.models import Evaluation, Submission, Track
from benchmark_site.leaderboard.scoring.score import score_evaluation
from tests.leaderboard.conftest import REPOSITORY, freeze

Done = subprocess.CompletedProcess[str]
Submit = Callable[..., Done]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def track(release_folder: Path) -> Track:
    """Of a release that is called in the database as in its files."""
    return next(one for one in open_boards(freeze(release_folder, "small").pk) if one.path.endswith("moment/val"))


@pytest.fixture
def submit(live_server: LiveServer, release_folder: Path, token: str) -> Submit:
    def run(file: Path, *more: str, token: str = token) -> subprocess.CompletedProcess[str]:
        where = [str(release_folder), str(file), "--site", live_server.url]
        return subprocess.run(
            [sys.executable, "-m", "evaluation", "submit", *where, "--method", "mine", *more],
            cwd=REPOSITORY, text=True, capture_output=True, timeout=120, env={**os.environ, "HERO_BENCH_TOKEN": token},
        )  # fmt: skip

    return run


@pytest.fixture
def worker() -> Iterator[None]:
    """Scores what comes, as a Celery worker would."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.2):
            for pk in Evaluation.objects.filter(state="queued").values_list("pk", flat=True):
                score_evaluation(pk)
        connections.close_all()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(timeout=30)


def test_a_file_is_sent_waited_for_and_its_row_printed(
    submit: Submit,
    worker: None,
    track: Track,
    predictions: Callable[..., Path],
) -> None:
    done = submit(predictions(), "--public")
    assert done.returncode == 0, done.stderr
    submission = Submission.objects.get()
    assert (submission.method, submission.public, submission.track) == ("mine", True, track)
    score = submission.evaluation.scores.get(key=track.primary_metric)
    assert f"{track.primary_metric}  {score.value}" in done.stdout
    assert submission.get_absolute_url() in done.stdout


def test_a_bad_file_is_refused_here_and_nothing_is_sent(submit: Submit, track: Track, tmp_path: Path) -> None:
    bad = tmp_path / "p.json"
    bad.write_text('{"VCMR": []}')
    done = submit(bad)
    assert done.returncode == 2
    assert "holds none of the tasks" in done.stderr
    assert not Submission.objects.exists()


def test_the_platforms_refusal_is_one_line(submit: Submit, track: Track, predictions: Callable[..., Path]) -> None:
    for token, text in (("", "no token in HERO_BENCH_TOKEN"), ("hb_wrong", "a live token is expected")):
        done = submit(predictions(), token=token)
        assert done.returncode == 2
        assert text in done.stderr
        assert "Traceback" not in done.stderr
