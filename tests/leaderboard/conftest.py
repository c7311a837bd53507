"""A frozen release on the disk and in the database, its tracks, a team with a token, prediction files."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from django.contrib.auth.models import Group, User
from django.db import connections
from django.test import Client
from django.utils import timezone

from benchmark_site.celery import app
from benchmark_site.leaderboard.boards.tracks import open_boards
from benchmark_site.leaderboard.models import Evaluation, Membership, State, Submission, Team, Track
from benchmark_site.leaderboard.teams.tokens import create_token
from benchmark_site.releases.models import Release
from evaluation.release import Release as ReleaseFolder
from tests.evaluation.small_release import write_release

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with its held-out files, eight clips and 32 queries a split."""
    return write_release(tmp_path_factory.mktemp("leaderboard"))


@pytest.fixture(scope="session")
def predictions(release_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`predictions(task, split, kind, seed)`: a file by `python -m evaluation baseline`, made once."""
    folder = tmp_path_factory.mktemp("predictions")

    def make(task: str = "moment", split: str = "val", kind: str = "random", seed: int = 0) -> Path:
        out = folder / f"{task}-{split}-{kind}-{seed}.json"
        if not out.exists():
            subprocess.run(
                [
                    sys.executable, "-m", "evaluation", "baseline", str(release_folder), "--task", task,
                    "--split", split, "--kind", kind, "--seed", str(seed), "--out", str(out),
                ],
                check=True, cwd=REPOSITORY,
            )  # fmt: skip
            if (task, split) == ("moment", "test"):  # a participant is not told which video a query belongs to
                lists = json.loads(out.read_text())
                out.write_text(json.dumps({name: lists[name] for name in ("video2idx", "VCMR", "VR")}))
        return out

    return make


@pytest.fixture(autouse=True)
def _site(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.ALLOWED_HOSTS = ["testserver", "localhost"]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def freeze(folder: Path, slug: str = "demo", version: str = "1.0.0", option_count: int = 4) -> Release:
    """A release row for a copy of this folder, as the builder would leave it."""
    release = Release(
        slug=slug,
        version=version,
        state=Release.State.FROZEN,
        step="done",
        sha256=hashlib.sha256((folder / "MANIFEST.json").read_bytes()).hexdigest(),
        frozen_at=timezone.now(),
        option_count=option_count,
    )
    shutil.copytree(folder, release.folder)
    release.save()
    return release


@pytest.fixture
def release(release_folder: Path, db: None) -> Release:
    return freeze(release_folder)


@pytest.fixture
def tracks(release: Release) -> dict[str, Track]:
    """ "moment/val" -> its track, and so on."""
    return {f"{track.task}/{track.split}": track for track in open_boards(release.pk)}


@pytest.fixture
def track(tracks: dict[str, Track]) -> Track:
    return tracks["moment/val"]


@pytest.fixture
def membership(db: None) -> Membership:
    user = User.objects.create_user("ada", password="ada")
    return Membership.objects.create(team=Team.objects.create(name="Analytical"), user=user)


@pytest.fixture
def member(membership: Membership, client: Client) -> Client:
    """A browser logged in as the member."""
    client.force_login(membership.user)
    return client


@pytest.fixture
def organiser(db: None) -> Client:
    """A browser of somebody who runs boards and is no staff."""
    user = User.objects.create_user("olga")
    user.groups.add(Group.objects.get(name="Requesters"))
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def token(membership: Membership) -> str:
    return create_token(membership)


@pytest.fixture
def api_client(token: str) -> ApiClient:
    """The API as one team sees it."""
    return ApiClient(token)


@pytest.fixture
def api_client_of(db: None) -> Callable[..., ApiClient]:
    """`api_client_of("B", "ada", "eve")`: the API as the first of these members of team B sees it."""

    def make(team: str, *names: str) -> ApiClient:
        row, _ = Team.objects.get_or_create(name=team)
        users = [User.objects.get_or_create(username=name)[0] for name in names]
        memberships = [Membership.objects.get_or_create(team=row, user=user)[0] for user in users]
        return ApiClient(create_token(memberships[0]))

    return make


class ApiClient:
    """Posts and reads over the API with one token; answers are (status, JSON)."""

    def __init__(self, token: str) -> None:
        self.client = Client()
        self.headers = {"authorization": f"Bearer {token}"}

    def post(self, track: Track, file: Path, headers: dict[str, str] | None = None, **fields: str) -> tuple[int, Any]:
        with file.open("rb") as handle:
            response = self.client.post(
                f"/api/tracks/{track.path}/submissions",
                {"method": "a method", "file": handle, **fields},
                headers={**self.headers, **(headers or {})},
            )
        return response.status_code, response.json()

    def get(self, path: str) -> tuple[int, Any]:
        response = self.client.get(f"/api/{path}", headers=self.headers)
        return response.status_code, response.json()

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        response = self.client.generic(
            method, f"/api/{path}", json.dumps(body), content_type="application/json", headers=self.headers
        )
        return response.status_code, response.json()


def add_scores(submission: Submission, values: dict[str, float], beats_blind: bool = True) -> None:
    """End a submission's evaluation with these values, as the scorer would."""
    evaluation = submission.evaluation
    for key, value in values.items():
        evaluation.scores.create(
            key=key, value=value, low=value - 5, high=value + 5, n=32, blind=5.0555, beats_blind=beats_blind
        )
    metrics = [{"key": key, "value": value} for key, value in values.items()]
    evaluation.report = {"metrics": metrics, "predictions_sha256": submission.scored_sha256}
    evaluation.end(State.DONE)


def small_file(folder: Path, name: str = "small.json", text: str = "{}") -> Path:
    """A file that is quickly sent; what it says matters only to the scorer."""
    path = folder / name
    path.write_text(text)
    return path


def settings_form(track: Track, **changes: Any) -> dict[str, Any]:
    """What the form of a board's settings sends, with these changes."""
    names = ("per_day", "total", "finals", "primary_metric", "reveal", "public_percent")
    return {"opens_at": "2026-01-01T00:00", **{name: getattr(track, name) for name in names}, **changes}


def answers(track: Track) -> dict[str, int]:
    """Whole predictions of a track of questions: the first option of each."""
    ids = ReleaseFolder.open(track.release.folder).questions(track.split).qids.tolist()
    return {str(one): 0 for one in ids}


def waiting(submission: Submission, **fields: Any) -> Evaluation:
    """A scoring of it in the queue, of which no worker has been told."""
    return Evaluation.objects.create(submission=submission, evaluator_version="1", manifest_sha256="0" * 64, **fields)


@contextmanager
def working(*queues: str, threads: int = 1) -> Iterator[None]:
    """A Celery worker in this process, listening where the platform's does."""
    pool = "solo" if threads == 1 else "threads"
    with start_worker(
        app, queues=list(queues), pool=pool, concurrency=threads, perform_ping_check=False, shutdown_timeout=30
    ):
        yield
    connections.close_all()
