"""The commands on a submission's page make its score again; its steps say what has become of it, and no more."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD
from benchmark_site.leaderboard.scoring.by_hand import commands
from benchmark_site.leaderboard.scoring.score import rescore, score_evaluation
from benchmark_site.leaderboard.scoring.steps import steps
from tests.leaderboard.conftest import REPOSITORY, ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


def shown(page: str) -> list[str]:
    """The commands on a page."""
    found = re.search(r"Make it again by hand.*?<pre><code>(.*?)</code></pre>", page, re.S)
    return unescape(found[1]).splitlines() if found else []


def test_the_command_on_the_page_makes_the_score_again(
    member: Client, api_client: ApiClient, track: Track, predictions: Callable[..., Path], tmp_path: Path
) -> None:
    odd = tmp_path / "-my 'best' file.json"
    shutil.copy(predictions(), odd)
    sent = Submission.objects.get(pk=api_client.post(track, odd, public="true")[1]["id"])
    score_evaluation(sent.evaluation.pk)
    (command,) = shown(member.get(sent.get_absolute_url()).content.decode())
    assert shown(Client().get(sent.get_absolute_url()).content.decode()) == []  # the file is its owner's
    shutil.copytree(track.release.folder, tmp_path / "demo-1.0.0")
    python, *words = shlex.split(command)
    assert python == "python"
    subprocess.run(
        [sys.executable, *words, "--json", "again.json"],
        cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"}, check=True, capture_output=True,
    )  # fmt: skip
    again, evaluation = json.loads((tmp_path / "again.json").read_text()), sent.evaluation
    assert again["metrics"] == evaluation.report["metrics"] != []
    assert again["predictions_sha256"] == evaluation.report["predictions_sha256"]


def test_on_a_hidden_split_it_is_said_who_has_the_truth(
    member: Client, api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path
) -> None:
    track = tracks["qa/test"]
    sent = Submission.objects.get(pk=api_client.post(track, small_file(tmp_path))[1]["id"])
    page = member.get(sent.get_absolute_url()).content.decode()
    assert "Only the scorer has the truth of this split: elsewhere" in page
    line = "python -m evaluation score demo-1.0.0 small.json --task qa --split test --seed 0 --withheld"
    assert shown(page) == [line]
    soon = timezone.now() + timedelta(days=1)
    Track.objects.filter(pk=track.pk).update(public_percent=50, closes_at=soon - LONGEST_UPLOAD, reveals_at=soon)
    page = member.get(sent.get_absolute_url()).content.decode()
    assert "and the ids of its public part" in page
    assert shown(page) == [f"{line} --only public.ids"]
    assert track.part_secret not in page


def test_a_model_predicts_first_and_a_dry_run_is_only_checked(
    api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path
) -> None:
    path = small_file(tmp_path, "my model.zip")
    sent = Submission.objects.get(pk=api_client.post(tracks["qa/val"], path, kind="model")[1]["id"])
    unzip, predict, score = commands(sent)
    assert unzip == "unzip -j 'my model.zip' -d 'my model'"
    assert predict.startswith(
        "python -m hero_model predict 'my model' demo-1.0.0 --task qa --split val --out predictions"
    )
    assert score == "python -m evaluation score demo-1.0.0 predictions.json --task qa --split val --seed 0"
    dry = Submission.objects.get(pk=api_client.post(tracks["qa/val"], small_file(tmp_path), dry_run="on")[1]["id"])
    assert commands(dry) == ["python -m evaluation validate demo-1.0.0 small.json --task qa --split val --seed 0"]


def test_a_board_of_val_has_the_command_for_its_rows(tracks: dict[str, Track]) -> None:
    line = "python -m evaluation score demo-1.0.0 predictions.json --task moment --split val --seed 0"
    assert line in Client().get(tracks["moment/val"].get_absolute_url()).content.decode()
    assert "evaluation score" not in Client().get(tracks["moment/test"].get_absolute_url()).content.decode()


def test_the_steps_are_dated_and_say_why_it_ended(
    member: Client, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    with time_machine.travel(at, tick=False):
        sent = Submission.objects.get(pk=api_client.post(track, small_file(tmp_path))[1]["id"])
    row = Evaluation.objects.filter(pk=sent.evaluation.pk)
    row.update(
        queued_at=at + timedelta(minutes=1), attempt=1, error="the scorer was killed (SIGKILL)", log="/srv/secret"
    )
    page = member.get(sent.get_absolute_url()).content.decode()
    assert f"{at:%Y-%m-%d %H:%M:%S} UTC" in page
    assert "received: 2 bytes" in page
    assert ", again: the scorer was killed (SIGKILL)" in page
    row.update(state=State.RUNNING, claimed_by="w", heartbeat=at + timedelta(minutes=2), attempt=2)
    assert [step.what for step in steps(sent, sent.evaluations.all())][
        -1
    ] == "attempt 2 is under way: its last sign of life"
    row.update(error="")
    sent.evaluation.end(State.FAILED, "the scoring failed: the scorer took too long", "/srv/secret")
    page = member.get(sent.get_absolute_url()).content.decode()
    assert "failed in attempt 2: the scoring failed: the scorer took too long" in page
    assert "/srv/secret" not in page
    read = api_client.get(f"submissions/{sent.pk}")[1]
    assert [step["what"] for step in read["steps"]] == [step.what for step in steps(sent, sent.evaluations.all())]
    assert read["steps"][0]["at"] == f"{at:%Y-%m-%dT%H:%M:%SZ}"
    assert "/srv/secret" not in json.dumps(read)


def test_the_steps_of_several_scorings_follow_each_other_and_are_bounded(
    api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = Submission.objects.get(pk=api_client.post(track, small_file(tmp_path))[1]["id"])
    for number in range(15):
        add_scores(sent, {})
        Evaluation.objects.filter(pk=sent.evaluation.pk).update(evaluator_version=f"0.{number}")
        rescore(sent)
    told = [step.what for step in steps(sent, sent.evaluations.all())]
    assert len(told) == 1 + 2 * 9 + 1
    assert told[1] == "queued for evaluator 0.6"
    assert told[-1].startswith("queued for evaluator 1.")


def test_the_steps_are_the_teams(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    sent = Submission.objects.get(pk=api_client.post(track, small_file(tmp_path), public="true")[1]["id"])
    add_scores(sent, {track.primary_metric: 30.0})
    assert "received:" not in Client().get(sent.get_absolute_url()).content.decode()
    staff = Client()
    staff.force_login(User.objects.create_user("root", is_staff=True))
    assert "received:" in staff.get(sent.get_absolute_url()).content.decode()
