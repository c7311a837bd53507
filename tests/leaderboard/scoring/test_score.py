"""One evaluation to its end, by the real evaluator."""

from __future__ import annotations

import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.db import connections
from django.test import Client

from benchmark_site.jobs import child_process
from benchmark_site.jobs.leases import MAX_ATTEMPTS
from benchmark_site.leaderboard.models import Evaluation, Score, State, Submission, Track
from benchmark_site.leaderboard.scoring import score
from benchmark_site.leaderboard.scoring.score import rescore, score_evaluation
from tests.leaderboard.conftest import ApiClient, small_file


def scored(api_client: ApiClient, track: Track, file: Path) -> Evaluation:
    status, sent = api_client.post(track, file)
    assert status == 201, sent
    evaluation = Evaluation.objects.get(submission=sent["id"])
    score_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    return evaluation


@pytest.mark.django_db
@pytest.mark.parametrize("task", ["moment", "qa"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_every_track_scores(
    api_client: ApiClient, tracks: dict[str, Track], predictions: Callable[..., Path], task: str, split: str
) -> None:
    track = tracks[f"{task}/{split}"]
    evaluation = scored(api_client, track, predictions(task, split))
    assert evaluation.state == State.DONE, (evaluation.error, evaluation.log)
    primary = evaluation.scores.get(key=track.primary_metric)
    assert primary.low is not None
    assert primary.value is not None
    assert primary.high is not None
    assert 0 <= primary.low <= primary.value <= primary.high <= 100
    assert evaluation.report is not None
    assert evaluation.report["predictions_sha256"] == evaluation.submission.sha256
    assert [line["key"] for line in evaluation.report["metrics"]] == [one.key for one in evaluation.scores.all()]


@pytest.mark.django_db
def test_a_refused_file_lists_its_problems_and_has_no_score(
    api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    evaluation = scored(
        api_client, track, small_file(tmp_path, "mine.json", '{"VCMR": [{"desc_id": 1, "predictions": []}]}')
    )
    assert (evaluation.state, evaluation.scores.count(), evaluation.report) == (State.FAILED, 0, None)
    assert "refused" in evaluation.error
    assert evaluation.problems
    assert {problem["file"] for problem in evaluation.problems} == {"mine.json"}
    assert not Submission.objects.get().counts
    read = api_client.get(f"submissions/{evaluation.submission_id}")[1]
    assert read["problems"] == evaluation.problems


@pytest.mark.django_db
def test_a_file_that_is_lost_here_is_no_fault_of_its_sender(
    api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    api_client.post(track, small_file(tmp_path))
    submission = Submission.objects.get()
    Path(submission.file.path).unlink()
    score_evaluation(submission.evaluation.pk)
    evaluation = submission.evaluation
    assert (evaluation.state, evaluation.problems) == (State.FAILED, [])
    assert evaluation.error == "the scoring failed: the file that was sent is lost here"
    assert not Submission.objects.get().counts


@pytest.mark.django_db
def test_a_zip_bomb_is_a_clear_failure(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    archive = zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("p.json", "w") as member:
        for _ in range(256):
            member.write(b" " * 2**20)  # a quarter of a GiB of blanks in about 1 MB
    began = time.monotonic()
    evaluation = scored(api_client, track, bomb)
    assert time.monotonic() - began < 30
    assert evaluation.state == State.FAILED
    assert evaluation.problems or "memory" in evaluation.error, evaluation.error
    assert evaluation.scores.count() == 0


@pytest.mark.django_db
def test_pickles_and_arrays_that_lie_are_refused(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    evil = tmp_path / "evil.npz"
    evil.write_bytes(b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
    huge = tmp_path / "huge.npy"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    huge.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    for file in (evil, huge):
        evaluation = scored(api_client, track, file)
        assert evaluation.state == State.FAILED
        assert evaluation.problems
    assert not marker.exists()


@pytest.mark.django_db
def test_a_broken_release_is_not_blamed_on_the_submitter(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path]
) -> None:
    (track.release.folder / "moment/tvr/val.jsonl").unlink()
    evaluation = scored(api_client, track, predictions())
    assert evaluation.state == State.FAILED
    assert evaluation.error.startswith("the scoring failed")
    assert evaluation.problems == []
    assert "val.jsonl" in evaluation.log  # for the operator
    assert "val.jsonl" not in str(api_client.get(f"submissions/{evaluation.submission_id}"))


@pytest.mark.django_db
def test_a_changed_manifest_or_file_gives_no_score(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path]
) -> None:
    manifest = track.release.folder / "MANIFEST.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    evaluation = scored(api_client, track, predictions())
    assert evaluation.state == State.FAILED
    assert "not the frozen one" in evaluation.error
    manifest.write_bytes(manifest.read_bytes()[:-1])
    sent = api_client.post(track, predictions())[1]
    submission = Submission.objects.get(pk=sent["id"])
    Path(submission.file.path).write_bytes(Path(predictions(seed=1)).read_bytes())
    score_evaluation(submission.evaluation.pk)
    assert submission.evaluation.state == State.FAILED
    assert "no longer the one that was sent" in submission.evaluation.error


@pytest.mark.django_db
def test_a_scorer_without_memory_is_not_tried_again(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = child_process.Limits(memory_bytes=200 * 2**20, cpu_s=60, file_bytes=2**20, open_files=64)
    monkeypatch.setattr(score, "LIMITS", tight)
    evaluation = scored(api_client, track, predictions())
    assert (evaluation.state, evaluation.attempt) == (State.FAILED, 1)
    assert evaluation.error.startswith("the scoring failed: ")
    assert evaluation.problems == []  # nothing is wrong with the file
    assert evaluation.log


@pytest.mark.django_db(transaction=True)
def test_a_killed_child_is_tried_again_and_then_scored(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "HEARTBEAT_S", 0.1)
    api_client.post(track, predictions())
    evaluation = Evaluation.objects.get()
    _score_and_kill(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempt) == (State.QUEUED, 1)
    assert "SIGKILL" in evaluation.error
    score_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempt, evaluation.error) == (State.DONE, 2, "")


@pytest.mark.django_db(transaction=True)
def test_a_child_that_is_killed_three_times_fails_with_the_reason(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path]
) -> None:
    api_client.post(track, predictions())
    evaluation = Evaluation.objects.get()
    for _ in range(MAX_ATTEMPTS):
        _score_and_kill(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempt) == (State.FAILED, 3)
    assert "killed (SIGKILL), 3 times" in evaluation.error
    score_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert evaluation.attempt == 3


@pytest.mark.django_db(transaction=True)
def test_cancelling_kills_the_running_child(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "HEARTBEAT_S", 0.1)
    api_client.post(track, predictions())
    evaluation = Evaluation.objects.get()
    worker = threading.Thread(target=_score, args=[evaluation.pk])
    worker.start()
    running = _scorer()
    running.suspend()  # so that it cannot end before the cancellation
    assert api_client.send("POST", f"submissions/{evaluation.submission_id}/cancel")[0] == 200
    worker.join(10)
    assert not worker.is_alive()
    assert not running.is_running()
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.scores.count()) == (State.CANCELLED, 0)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_taken_over_changes_nothing(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_process, "HEARTBEAT_S", 0.1)
    api_client.post(track, predictions())
    evaluation = Evaluation.objects.get()
    worker = threading.Thread(target=_score, args=[evaluation.pk])
    worker.start()
    _scorer().suspend()
    Evaluation.objects.update(claimed_by="another worker")
    worker.join(10)
    assert not worker.is_alive()
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.claimed_by) == (State.RUNNING, "another worker")
    assert not Score.objects.exists()


@pytest.mark.django_db
def test_scoring_again_keeps_the_submission_and_adds_an_evaluation(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path]
) -> None:
    first = scored(api_client, track, predictions())
    Evaluation.objects.update(evaluator_version="0.0.1")
    again = rescore(first.submission)
    again.end(State.FAILED, "the new evaluator is broken")
    assert Submission.objects.get().counts  # the first scoring stands
    Submission.objects.update(public=True)
    page = Client().get(track.get_absolute_url()).content.decode()
    assert "a method" in page


@pytest.mark.django_db
def test_a_worker_with_the_old_evaluator_says_so_and_keeps_the_old_score(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path]
) -> None:
    first = scored(api_client, track, predictions())
    again = Evaluation.objects.create(
        submission=first.submission, evaluator_version="99.0.0", manifest_sha256=first.manifest_sha256
    )
    score_evaluation(again.pk)
    again.refresh_from_db()
    assert (again.state, again.attempt, again.evaluator_version) == (State.FAILED, 1, "99.0.0")
    assert f"evaluator {first.evaluator_version} took it and had scored it before, 99.0.0 was asked for" in again.error
    assert again.scores.count() == 0
    assert first.submission.shown_evaluation == first


def _score(pk: int) -> None:
    try:
        score_evaluation(pk)
    finally:
        connections.close_all()


def _scorer() -> psutil.Process:
    """The evaluator that a thread of this process has started."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for one in psutil.Process().children():
            try:
                if "evaluation" in one.cmdline():
                    return one
            except psutil.Error:  # it ended meanwhile, or has not yet become another program
                continue
        time.sleep(0.01)
    raise AssertionError("no scorer was started")


def _score_and_kill(pk: int) -> None:
    worker = threading.Thread(target=_score, args=[pk])
    worker.start()
    os.kill(_scorer().pid, signal.SIGKILL)
    worker.join(20)
    assert not worker.is_alive()
