"""A scoring reaches its file and the release's truth, and neither other files, nor the worker, nor a network."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as site

from benchmark_site.jobs import child_process, landlock
from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track
from benchmark_site.leaderboard.scoring import score
from tests.leaderboard.conftest import ApiClient, answers, small_file

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock"),
]

# What somebody would run who had found a way to run anything in the child.
STOLEN = """
import json, os, socket, sys
said = {}
for path in sys.argv[1:]:
    try:
        said[path] = "opened" if open(path, "rb").read(1) else "empty"
    except OSError as error:
        said[path] = type(error).__name__
try:
    socket.create_connection(("127.0.0.1", 1), 2)
except OSError as error:
    said["network"] = os.strerror(error.errno)
print(json.dumps(said | {"environment": sorted(os.environ)}))
"""


def test_a_scoring_reaches_no_other_teams_file_no_file_of_the_machine_and_nothing_of_the_worker(
    api_client_of: Callable[..., ApiClient], tracks: dict[str, Track], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = tracks["qa/test"]
    sent = [
        api_client_of(team, team).post(track, small_file(tmp_path, text=team))[1]["id"] for team in ("ours", "theirs")
    ]
    ours, theirs = (Submission.objects.get(pk=pk) for pk in sent)
    allowed = [ours.file.path, str(track.release.folder / "MANIFEST.json")]
    closed = ["/etc/hostname", theirs.file.path, "/proc/{parent}/environ", str(site.BASE_DIR / "manage.py")]
    program = f"import os, sys\nsys.argv = [one.format(parent=os.getppid()) for one in sys.argv]\n{STOLEN}"
    command = [sys.executable, "-c", program, *allowed, *closed]
    monkeypatch.setattr(score, "_command", lambda submission, report: command)
    score.score_evaluation(ours.evaluation.pk)
    evaluation = ours.evaluation
    assert evaluation.state == State.FAILED
    said = json.loads(evaluation.log)
    assert [said.pop(path) for path in allowed] == ["opened"] * 2
    assert not {"SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL"} & set(said.pop("environment"))
    network = said.pop("network")
    assert network == "Network is unreachable" or not child_process.can_cut_off()
    assert len(said) == len(closed)
    assert set(said.values()) == {"PermissionError"}, said


def test_the_evaluator_scores_within_its_reach(api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path) -> None:
    track = tracks["qa/test"]
    file = small_file(tmp_path, text=json.dumps(answers(track)))
    assert api_client.post(track, file)[0] == 201
    evaluation = Evaluation.objects.get()
    assert score.score_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.error) == (State.DONE, ""), evaluation.log
