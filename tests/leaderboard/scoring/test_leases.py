"""Leases on evaluations, heartbeats, the sweeper."""

from __future__ import annotations

import os
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import time_machine
from celery import Celery
from django.conf import settings as site
from django.db import IntegrityError, transaction
from django.utils import timezone

from benchmark_site.jobs import enqueue, leases
from benchmark_site.leaderboard import tasks
from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track
from benchmark_site.leaderboard.scoring.score import rescore_all
from benchmark_site.leaderboard.submissions.uploads import incoming_folder
from tests.leaderboard.conftest import ApiClient, small_file, waiting

LONG_AGO = timedelta(minutes=10)
QUEUE = "score"


@pytest.fixture
def evaluation(api_client: ApiClient, track: Track, tmp_path: Path) -> Evaluation:
    api_client.post(track, small_file(tmp_path))
    return Evaluation.objects.get()


@pytest.fixture
def queue() -> redis.Redis:
    """The broker's queue of scorings, emptied."""
    client = redis.Redis.from_url(site.CELERY_BROKER_URL)
    client.delete(QUEUE)
    return client


@pytest.mark.django_db
def test_a_live_lease_is_left_alone(evaluation: Evaluation) -> None:
    first = leases.acquire(Evaluation, evaluation.pk)
    assert first is not None
    assert leases.acquire(Evaluation, evaluation.pk) is None
    assert leases.heartbeat(first)


@pytest.mark.django_db
@pytest.mark.parametrize("away", [-LONG_AGO, LONG_AGO])
def test_a_workers_own_clock_counts_for_nothing(evaluation: Evaluation, away: timedelta) -> None:
    with time_machine.travel(timezone.now() + away):
        lease = leases.acquire(Evaluation, evaluation.pk)
        assert leases.acquire(Evaluation, evaluation.pk) is None
        assert leases.heartbeat(lease)
        assert Evaluation.forgotten() == []
    assert leases.acquire(Evaluation, evaluation.pk) is None


@pytest.mark.django_db
def test_a_dead_worker_is_followed_and_its_ghost_is_told(evaluation: Evaluation) -> None:
    ghost = leases.acquire(Evaluation, evaluation.pk)
    assert ghost is not None
    Evaluation.objects.update(heartbeat=timezone.now() - LONG_AGO)
    second = leases.acquire(Evaluation, evaluation.pk)
    assert second is not None
    assert second.attempt == 2
    assert not leases.heartbeat(ghost)
    with pytest.raises(leases.LeaseLost), leases.locked(ghost):
        pytest.fail("entered")
    with leases.locked(second) as row:
        assert row == second


@pytest.mark.django_db
def test_the_third_dead_worker_was_the_last(evaluation: Evaluation) -> None:
    for _ in range(leases.MAX_ATTEMPTS):
        assert leases.acquire(Evaluation, evaluation.pk) is not None
        Evaluation.objects.update(heartbeat=timezone.now() - LONG_AGO)
    assert leases.acquire(Evaluation, evaluation.pk) is None
    evaluation.refresh_from_db()
    assert evaluation.state == State.FAILED
    assert "3 times" in evaluation.error
    assert not Submission.objects.get().counts


@pytest.mark.django_db
@pytest.mark.parametrize("state", [State.DONE, State.FAILED, State.CANCELLED])
def test_what_has_ended_is_not_claimed(evaluation: Evaluation, state: State) -> None:
    evaluation.report = {}
    evaluation.end(state, "why" if state == State.FAILED else "")
    assert leases.acquire(Evaluation, evaluation.pk) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"state": "running"}, "evaluation_running_has_a_claim"),
        ({"state": "failed", "finished_at": timezone.now()}, "evaluation_failed_says_why"),
        ({"state": "done", "finished_at": timezone.now()}, "evaluation_done_has_a_report"),
        ({"state": "cancelled"}, "evaluation_end_has_a_time"),
        ({"state": "nonsense", "finished_at": timezone.now()}, "evaluation_state_is_known"),
    ],
)
def test_the_database_keeps_the_states_honest(evaluation: Evaluation, changes: dict[str, object], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Evaluation.objects.update(**changes)


@pytest.mark.django_db
def test_one_evaluation_at_a_time(evaluation: Evaluation) -> None:
    with pytest.raises(IntegrityError, match="evaluation_o"), transaction.atomic():
        Evaluation.objects.create(submission=evaluation.submission, evaluator_version="2", manifest_sha256="0" * 64)


@pytest.mark.django_db(transaction=True)
def test_the_message_is_sent_after_the_commit(
    api_client: ApiClient, track: Track, tmp_path: Path, queue: redis.Redis
) -> None:
    assert api_client.post(track, small_file(tmp_path))[0] == 201
    assert queue.llen(QUEUE) == 1
    assert api_client.post(track, small_file(tmp_path))[0] == 409  # rolled back: no message
    assert queue.llen(QUEUE) == 1


@pytest.mark.django_db(transaction=True)
def test_the_sweeper_wakes_what_was_forgotten_and_only_that(evaluation: Evaluation, queue: redis.Redis) -> None:
    tasks.sweep()
    assert queue.llen(QUEUE) == 0  # queued a moment ago
    Evaluation.objects.update(queued_at=timezone.now() - LONG_AGO)
    tasks.sweep()
    assert queue.llen(QUEUE) == 1
    leases.acquire(Evaluation, evaluation.pk)
    tasks.sweep()
    assert queue.llen(QUEUE) == 1  # it runs
    Evaluation.objects.update(heartbeat=timezone.now() - LONG_AGO)
    tasks.sweep()
    assert queue.llen(QUEUE) == 2
    evaluation.end(State.FAILED, "why")
    tasks.sweep()
    assert queue.llen(QUEUE) == 2


@pytest.mark.django_db
def test_of_a_long_queue_only_the_oldest_are_woken(evaluation: Evaluation) -> None:
    first = evaluation.submission
    for number in range(30):
        first.pk, first.sha256 = uuid.uuid4(), f"{number:064x}"
        first.save(force_insert=True)
        waiting(first, queued_at=timezone.now() - LONG_AGO - timedelta(minutes=number))
    woken = Evaluation.forgotten()
    assert woken == list(Evaluation.objects.order_by("queued_at").values_list("pk", flat=True)[: len(woken)])
    assert 0 < len(woken) < 30


@pytest.mark.django_db
def test_models_that_wait_keep_no_predictions_from_being_woken_or_counted(evaluation: Evaluation) -> None:
    old = timezone.now() - timedelta(minutes=10)
    model = Submission.objects.get(pk=evaluation.submission_id)
    for number in range(21):
        model.pk, model.sha256, model.kind = uuid.uuid4(), f"{number:064x}", "model"
        model.save(force_insert=True)
        waiting(model, queued_at=old + timedelta(seconds=number))
    Evaluation.objects.filter(pk=evaluation.pk).update(queued_at=old + timedelta(minutes=1))
    evaluation.refresh_from_db()
    woken = Evaluation.forgotten()
    assert evaluation.pk in woken
    assert len(woken) == 21
    assert (evaluation.queue_place, model.evaluation.queue_place) == (1, 21)


@pytest.mark.django_db(transaction=True)
def test_what_is_scored_again_waits_in_a_queue_of_its_own(
    evaluation: Evaluation, api_client: ApiClient, track: Track, tmp_path: Path, queue: redis.Redis
) -> None:
    evaluation.report = {}
    evaluation.end(State.DONE)
    Evaluation.objects.update(evaluator_version="0.9.0")
    queue.delete(QUEUE, "again")
    assert rescore_all(track) == 1
    new = Submission.objects.get(pk=api_client.post(track, small_file(tmp_path, text="[]"))[1]["id"])
    assert (queue.llen(QUEUE), queue.llen("again")) == (1, 1)
    assert (evaluation.submission.evaluation.queue_place, new.evaluation.queue_place) == (1, 1)
    Evaluation.objects.update(queued_at=timezone.now() - LONG_AGO)
    tasks.sweep()
    assert (queue.llen(QUEUE), queue.llen("again")) == (2, 2)
    queue.delete(QUEUE, "again")


@pytest.mark.django_db
def test_the_sweeper_removes_uploads_that_never_ended() -> None:
    old, new = incoming_folder() / "old", incoming_folder() / "new"
    for path in (old, new):
        path.write_bytes(b"x")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    tasks.sweep()
    assert not old.exists()
    assert new.exists()


@pytest.mark.django_db
def test_a_step_of_the_sweep_that_fails_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ValueError("a surprise")

    swept: list[str] = []
    monkeypatch.setattr(tasks, "_wake_evaluations", broken)
    monkeypatch.setattr(tasks, "compare_neighbours", lambda: swept.append("neighbours"))
    (incoming_folder() / "gone").symlink_to("nowhere")  # listed, and no longer there when it is looked at
    old = incoming_folder() / "old"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    tasks.sweep()
    assert swept == ["neighbours"]
    assert not old.exists()
    assert [one.exc_text is not None and "a surprise" in one.exc_text for one in caplog.records] == [True]
    assert "broken" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_a_submission_stands(
    api_client: ApiClient, track: Track, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enqueue, "current_app", Celery(broker="redis://127.0.0.1:1/0", set_as_current=False))
    status, sent = api_client.post(track, small_file(tmp_path))
    assert status == 201
    assert sent["state"] == "queued"
