"""A training run: watched, resumed, and submitted through the HTTP API of a live server."""

from __future__ import annotations

import hashlib
import json
import math
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from django.db import connection, connections
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer
from safetensors.numpy import save_file

from benchmark_site.jobs import child_process
from benchmark_site.leaderboard.models import ApiToken, State, Submission, Team, Track, TrainingRun
from benchmark_site.leaderboard.models.teams import BASELINE_TEAM
from benchmark_site.leaderboard.scoring.score import score_evaluation
from benchmark_site.leaderboard.training import api_client
from benchmark_site.leaderboard.training import run as training
from benchmark_site.leaderboard.training.baselines import start_baselines
from benchmark_site.leaderboard.training.run import last_line, run_training
from benchmark_site.leaderboard.training.systems import SYSTEMS
from benchmark_site.releases.models import Release
from tests.evaluation.small_release import write_release
from tests.leaderboard.conftest import freeze

pytestmark = pytest.mark.django_db(transaction=True)

Trainer = Callable[[str], None]


@pytest.fixture
def run(tracks: dict[str, Track], live_server: LiveServer, settings: Any) -> TrainingRun:
    settings.SITE_URL = live_server.url
    return TrainingRun.objects.create(release=tracks["moment/val"].release)


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """Put a short program in the place of HERO's trainer; nothing is submitted."""
    monkeypatch.setattr(training, "SYSTEMS", ())
    monkeypatch.setattr(child_process, "HEARTBEAT_S", 0.1)

    def put(program: str) -> None:
        monkeypatch.setattr(
            training, "train_command", lambda run: [sys.executable, "-c", program, str(run.folder / "model")]
        )

    put("pass")
    return put


@pytest.fixture
def blind(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Submit the blind baselines, and train nothing."""
    names = {"random", "prior", "majority"}
    monkeypatch.setattr(training, "SYSTEMS", tuple(system for system in SYSTEMS if system.name in names))


def sent() -> list[tuple[str, str]]:
    return sorted((one.method, f"{one.track.task}/{one.track.split}") for one in Submission.objects.all())


def test_blind_baselines_come_through_the_door_and_a_second_run_changes_nothing(run: TrainingRun, blind: None) -> None:
    run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.progress, run.error) == (State.DONE, 1.0, "")
    expected = [
        (method, f"{task}/{split}")
        for method, task in (("majority", "qa"), ("prior only", "moment"), ("random", "moment"), ("random", "qa"))
        for split in ("test", "val")
    ]
    assert sent() == expected
    assert all(one.baseline and one.public and one.team.name == BASELINE_TEAM for one in Submission.objects.all())
    assert all(one.evaluation.state == State.QUEUED for one in Submission.objects.all())
    assert [token.revoked_at is not None for token in ApiToken.objects.all()] == [True]
    run.end(State.FAILED, "so that another may begin")
    again = TrainingRun.objects.create(release=run.release)
    run_training(again.pk)
    again.refresh_from_db()
    assert (again.state, again.error) == (State.DONE, "")
    assert sent() == expected


def test_a_closed_track_is_left_out(run: TrainingRun, blind: None) -> None:
    now = timezone.now()
    Track.objects.exclude(task="qa", split="val").update(opens_at=now - timedelta(2), closes_at=now - timedelta(1))
    run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error) == (State.DONE, "")
    assert sent() == [("majority", "qa/val"), ("random", "qa/val")]


def test_a_trainer_that_dies_is_started_again_on_its_folder(run: TrainingRun, trainer: Trainer) -> None:
    trainer(
        "import os, pathlib, signal, sys\n"
        "out = pathlib.Path(sys.argv[1])\n"
        "if not out.exists():\n"
        "    out.mkdir()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (State.QUEUED, 1)
    assert "the trainer was killed (SIGKILL)" in run.error
    run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (State.DONE, 2)


def test_three_crashes_are_the_end_and_the_reason_stands(run: TrainingRun, trainer: Trainer) -> None:
    trainer("raise RuntimeError('no such layer')")
    for _ in range(4):
        run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (State.FAILED, 3)
    assert run.error == "the trainer crashed (exit status 1) (attempt 3)"
    assert "no such layer" in run.log


def test_bad_input_is_not_tried_again(run: TrainingRun, trainer: Trainer) -> None:
    trainer("import sys; print('the release holds no features', file=sys.stderr); sys.exit(2)")
    run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (State.FAILED, 1)
    assert "no features" in run.log


def test_progress_is_stored_while_it_trains_and_a_lost_claim_stops_it(run: TrainingRun, trainer: Trainer) -> None:
    line = {"stage": "moment", "step": 5, "steps": 10, "loss": 1.5}  # as `hero_model train --progress-json` has it
    trainer(f"import time\nprint({json.dumps(line)!r}, flush=True)\ntime.sleep(60)")
    worker = threading.Thread(target=_run, args=[run.pk])
    worker.start()
    _wait_until_training(run, line)
    assert (run.state, run.stage, run.attempt) == (State.RUNNING, "training", 1)
    assert 0.4 < run.progress < 0.6
    _run(run.pk)  # a second delivery of the message: returns at once
    TrainingRun.objects.update(claimed_by="another worker")
    worker.join(10)
    assert not worker.is_alive()
    run.refresh_from_db()
    assert (run.state, run.claimed_by) == (State.RUNNING, "another worker")


def test_a_lost_connection_to_the_database_does_not_end_the_training(run: TrainingRun, trainer: Trainer) -> None:
    trainer("import time; time.sleep(3)")
    worker = threading.Thread(target=_run, args=[run.pk])
    worker.start()
    _wait_until_training(run, {})
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert (True,) in cursor.fetchall()
    worker.join(60)
    assert not worker.is_alive()
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error) == (State.DONE, 1, "")


def test_a_web_server_that_comes_back_is_waited_for(
    run: TrainingRun, blind: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "_PAUSE_S", 0.2)
    monkeypatch.setattr(training, "SYSTEMS", training.SYSTEMS[:1])
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    settings.SITE_URL = f"http://localhost:{port}"
    worker = threading.Thread(target=_run, args=[run.pk])
    worker.start()
    predicted = run.folder / "predictions" / "random-moment-val.json"
    deadline = time.monotonic() + 60
    while not predicted.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(0.5)  # it knocks, and nobody opens
    assert sent() == []
    server = LiveServer(f"localhost:{port}")
    try:
        worker.join(60)
    finally:
        server.stop()
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error) == (State.DONE, 1, "")
    assert len(sent()) == 4


def test_without_a_web_server_the_reason_is_told(
    run: TrainingRun, blind: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SITE_URL = "http://127.0.0.1:1"
    monkeypatch.setattr(api_client, "_PATIENCE_S", 0)
    run_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (State.QUEUED, 1)
    assert "http://127.0.0.1:1 does not take random for demo/1.0.0/moment/val" in run.error


def test_the_baselines_have_no_door_of_their_own(run: TrainingRun, blind: None, settings: Any) -> None:
    settings.SUBMISSION_MAX_BYTES = 10
    run_training(run.pk)
    run.refresh_from_db()
    assert run.state == State.QUEUED
    assert "was refused: at most 10 bytes are taken" in run.error
    assert not Team.objects.get(name=BASELINE_TEAM).submissions.exists()


def test_the_baselines_hold_the_full_copy_and_need_no_tries(run: TrainingRun, blind: None) -> None:
    Track.objects.update(total=1, per_day=1)
    run_training(run.pk)
    found = Submission.objects.filter(team__name=BASELINE_TEAM, track=run.release.tracks.get(task="qa", split="test"))
    assert found.count() > 1


def test_a_release_has_a_folder_of_its_own(release: Release) -> None:
    first, second = TrainingRun(release=release, seed=0), TrainingRun(release=release, seed=1)
    assert first.folder != second.folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ('{"a": 1}', {}),  # still being written
        ('{"a": 1}\n', {"a": 1}),
        ('{"a": 1}\n{"a": 2}\n{"a"', {"a": 2}),
        ('{"a": 1}\nnonsense\n[1]\n', {"a": 1}),
    ],
)
def test_the_last_whole_line_of_progress(tmp_path: Path, text: str, expected: dict[str, int]) -> None:
    path = tmp_path / "progress.jsonl"
    assert last_line(path) == {}
    path.write_text(text)
    assert last_line(path) == expected


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_hero_is_trained_killed_once_resumed_and_stands_on_every_board(
    tmp_path: Path, live_server: LiveServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SITE_URL = live_server.url
    release = freeze(add_features(write_release(tmp_path / "release", videos=4, queries=2)))
    run = start_baselines(release.pk)
    worker = threading.Thread(target=_run, args=[run.pk])
    worker.start()
    _kill_the_trainer_in_its_second_stage(run)
    worker.join()
    run.refresh_from_db()
    assert (run.state, run.attempt) == (State.QUEUED, 1)
    trained_before = (run.folder / "model" / "pretraining" / "model.safetensors").stat().st_mtime_ns
    _run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error) == (State.DONE, 2, ""), run.log
    assert (run.folder / "model" / "pretraining" / "model.safetensors").stat().st_mtime_ns == trained_before
    assert {track for method, track in sent() if method == "HERO"} == {track for _, track in sent()}
    assert len(sent()) == 8 + 2 + 4
    for submission in Submission.objects.all():
        score_evaluation(submission.evaluation.pk)
        assert submission.evaluation.state == State.DONE, (submission, submission.evaluation.problems)


def add_features(folder: Path) -> Path:
    """Random frame features for every clip of a release folder, one frame in 1.5 s."""
    rng = np.random.default_rng(0)
    indexes = [json.loads(path.read_text()) for path in folder.glob("*/*/video2dur_idx.json")]
    clips = {name: length for index in indexes for split in index.values() for name, (length, _) in split.items()}
    features = {
        name: rng.standard_normal((math.ceil(length / 1.5), 32)).astype(np.float32) for name, length in clips.items()
    }
    path = folder / "features/noise.safetensors"
    path.parent.mkdir()
    save_file(features, path, {"model": "noise", "interval_s": "1.5", "dim": "32"})
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    raw = path.read_bytes()
    manifest["files"].append(
        {
            "path": "features/noise.safetensors", "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest(),
            "rows": None, "access": "public",
        }
    )  # fmt: skip
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n")
    return folder


def _wait_until_training(run: TrainingRun, facts: dict[str, Any]) -> None:
    deadline = time.monotonic() + 60
    while (run.stage, run.facts) != ("training", facts):
        assert time.monotonic() < deadline
        time.sleep(0.05)
        run.refresh_from_db()


def _kill_the_trainer_in_its_second_stage(run: TrainingRun) -> None:
    deadline = time.monotonic() + 900
    while run.facts.get("stage") != "moment":
        assert time.monotonic() < deadline, (run.state, run.stage, run.error)
        time.sleep(0.5)
        run.refresh_from_db()
    (trainer,) = [one for one in psutil.Process().children() if "train" in one.cmdline()]
    trainer.kill()


def _run(pk: int) -> None:
    try:
        run_training(pk)
    finally:
        connections.close_all()
