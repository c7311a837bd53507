"""A scoring reaches its file and the release's truth, and neither other files, nor the worker, nor a network.

A model reaches no truth that is hidden.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as site

from benchmark_site.jobs import child_process, landlock
from benchmark_site.leaderboard.boards.tracks import open_boards
from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track
from benchmark_site.leaderboard.scoring import predict, score
from benchmark_site.leaderboard.scoring.model_file import FILES
from evaluation.release import Release as ReleaseFolder
from tests.hero_model.tiny_release import write_release
from tests.leaderboard.conftest import ApiClient, answers, freeze, small_file

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
    monkeypatch.setattr(score, "_command", lambda submission, report: stealing(*allowed, *closed))
    score.score_evaluation(ours.evaluation.pk)
    said = stolen(ours.evaluation)
    assert [said.pop(path) for path in allowed] == ["opened"] * 2
    assert len(said) == len(closed)
    assert set(said.values()) == {"PermissionError"}, said


@pytest.mark.parametrize(("version", "shards"), [(1, 1), (2, 1), (2, 3)])
@pytest.mark.parametrize("name", ["moment/test", "qa/test", "qa/val"])
def test_a_model_reaches_no_hidden_truth_no_other_teams_file_and_nothing_of_the_worker(
    name: str,
    version: int,
    shards: int,
    api_client_of: Callable[..., ApiClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = freeze(write_release(tmp_path / "tiny", version=version, shards=shards), "tiny")
    track = next(one for one in open_boards(release.pk) if f"{one.task}/{one.split}" == name)
    sent = [api_client_of(team, team).post(track, model_of(team, tmp_path), kind="model")[1] for team in ("a", "b")]
    ours, theirs = (Submission.objects.get(pk=one["id"]) for one in sent)
    opened = ReleaseFolder.open(release.folder)
    files = {entry.path: str(release.folder / entry.path) for entry in opened.entries()}
    features = {path for path in files if path.startswith("features/")}
    assert len(features) == (1 if shards == 1 else shards + 1)  # and their index
    needed = {"subtitles.jsonl", *features, *(path for path in files if "video2dur_idx" in path)}
    folder = {"moment": "moment/tvr", "qa": "qa/value"}[track.task]
    needed.add(f"{folder}/{'test_public' if track.split == 'test' else track.split}.jsonl")
    allowed = [str(release.folder / "MANIFEST.json"), *(files.pop(path) for path in needed)]
    closed = [*files.values(), theirs.file.path, "/etc/hostname", "/proc/{parent}/environ"]
    assert any("held_out" in path for path in closed)
    monkeypatch.setattr(predict, "_command", lambda *_: stealing(*allowed, *closed))
    predict.predict_evaluation(ours.evaluation.pk)
    said = stolen(ours.evaluation)
    assert {said.pop(path) for path in allowed} == {"opened"}
    assert len(said) == len(closed)
    assert set(said.values()) == {"PermissionError"}, said


def model_of(team: str, folder: Path) -> Path:
    """What is taken out of its zip; no model comes out of it."""
    path = folder / f"{team}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in FILES:
            archive.writestr(name, json.dumps({"of": team}))
    return path


def stealing(*paths: str) -> list[str]:
    """A command that tries to open these; {parent} in them is the worker's process."""
    program = f"import os, sys\nsys.argv = [one.format(parent=os.getppid()) for one in sys.argv]\n{STOLEN}"
    return [sys.executable, "-c", program, *paths]


def stolen(evaluation: Evaluation) -> dict[str, str]:
    """What became of opening each path in the child, which had neither secrets nor a network."""
    assert evaluation.state == State.FAILED
    said: dict[str, str] = json.loads(evaluation.log)
    assert not {"SECRET_KEY", "DATABASE_URL", "CELERY_BROKER_URL"} & set(said.pop("environment"))
    network = said.pop("network")
    if landlock.version() >= 4:
        assert network == "Permission denied"
    else:
        assert network == "Network is unreachable" or not child_process.can_cut_off()
    return said


def test_the_evaluator_scores_within_its_reach(api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path) -> None:
    track = tracks["qa/test"]
    file = small_file(tmp_path, text=json.dumps(answers(track)))
    assert api_client.post(track, file)[0] == 201
    evaluation = Evaluation.objects.get()
    assert score.score_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.error) == (State.DONE, ""), evaluation.log
