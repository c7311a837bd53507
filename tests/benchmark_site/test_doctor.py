"""The doctor says what works and what is broken, each in a line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder

from benchmark_site.jobs import child_process, landlock, listening
from benchmark_site.jobs.asking import open_store
from benchmark_site.management.commands import doctor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def told() -> dict[str, tuple[str, str]]:
    """State and sentence by what is spoken of."""
    out = io.StringIO()
    broken = ""
    try:
        call_command("doctor", stdout=out)
    except CommandError as error:
        broken = str(error)
    assert ("of 6 things are broken" in broken) == ("WRONG" in out.getvalue())
    lines = [line.split(maxsplit=2) for line in out.getvalue().splitlines()]
    return {about.rstrip(":"): (state, rest) for state, about, rest in lines}


def test_an_installation_that_works_is_told_line_by_line() -> None:
    found = told()
    assert found["database"][0] == found["broker"][0] == "ok"
    assert list(found) == ["database", "broker", "workers", "files", "network", "reach"]
    assert found["database"][1].startswith("PostgreSQL")
    assert f"in {len(doctor.QUEUES)} queues" in found["broker"][1]
    assert {"default", "score", "again", "predict", "train", "search", "match", "ingest"} <= set(doctor.QUEUES)


def test_what_is_broken_is_named(settings: Any, media: Path) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    settings.MEDIA_ROOT = media / "nothing"
    found = told()
    assert found["broker"][0] == found["workers"][0] == found["files"][0] == "WRONG"
    assert "MEDIA_ROOT" in found["files"][1]


def test_migrations_that_were_not_made_are_counted() -> None:
    MigrationRecorder.Migration.objects.filter(app="leaderboard").latest("name").delete()
    assert told()["database"] == (
        "WRONG", f"{doctor._database()[1].removeprefix('database: ')}"
    )  # fmt: skip
    assert "1 migrations are to be made" in doctor._database()[1]


@pytest.mark.parametrize(("can", "state"), [(True, "ok"), (False, "note")])
def test_whether_children_have_a_network_is_said(monkeypatch: pytest.MonkeyPatch, can: bool, state: str) -> None:
    monkeypatch.setattr(child_process, "can_cut_off", lambda: can)
    assert told()["network"][0] == state


@pytest.mark.parametrize(("known", "state"), [(4, "ok"), (0, "note")])
def test_whether_children_can_open_other_files_is_said(monkeypatch: pytest.MonkeyPatch, known: int, state: str) -> None:
    monkeypatch.setattr(landlock, "version", lambda: known)
    assert told()["reach"][0] == state


def test_queues_that_no_worker_listens_to_are_named() -> None:
    open_store().delete("listened:again")
    listening.say(queue for queue in doctor.QUEUES if queue not in ("again", "blind"))
    assert told()["workers"] == ("note", "none listens to again")
    listening.say(["again"])
    assert told()["workers"][0] == "ok"


def test_a_full_disk_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 2**60)
    assert told()["files"][0] == "note"
