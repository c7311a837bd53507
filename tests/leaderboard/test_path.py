"""The way of a submission: API, a real worker on real Valkey, board."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client

from benchmark_site.leaderboard.models import Evaluation, State, Track
from benchmark_site.leaderboard.scoring.score import score_evaluation
from tests.leaderboard.conftest import ApiClient, working


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    with working("score", "default"):
        yield


def test_a_submission_is_scored_by_a_worker_and_stands_on_the_board(
    worker: None, track: Track, api_client: ApiClient, predictions: Callable[..., Path]
) -> None:
    status, sent = api_client.post(track, predictions(kind="prior"), method="prior <b>", public="true")
    assert status == 201, sent
    assert sent["state"] == "queued"
    deadline = time.monotonic() + 60
    while (read := api_client.get(f"submissions/{sent['id']}")[1])["state"] in {"queued", "running"}:
        assert time.monotonic() < deadline, "not scored within a minute"
        time.sleep(0.2)
    assert read["state"] == "done", read["error"]
    primary = next(score for score in read["scores"] if score["key"] == track.primary_metric)
    assert 0 <= primary["low"] <= primary["value"] <= primary["high"] <= 100
    assert primary["n"] == 32
    page = Client().get(track.get_absolute_url()).content.decode()
    assert "prior &lt;b&gt;" in page
    assert f"{primary['value']:.2f}" in page


def test_two_workers_score_one_evaluation_once(
    transactional_db: None, track: Track, api_client: ApiClient, predictions: Callable[..., Path]
) -> None:
    api_client.post(track, predictions())
    evaluation = Evaluation.objects.get()

    def work() -> None:
        score_evaluation(evaluation.pk)
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempt) == (State.DONE, 1)
    assert evaluation.scores.filter(key=track.primary_metric).count() == 1
