"""A build whose worker, or whose database, is killed with signal 9 at each of its steps ends with the same files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from benchmark_site.jobs import leases
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.files.export import zip_of
from benchmark_site.releases.models import Release
from tests.releases.conftest import ROOT, database_url, small_release

# Step, and the function of benchmark_site.releases.building before or after which the signal comes.
POINTS = [
    ("collect", "snapshot._split", "before"),
    ("collect", "snapshot.feature_row", "after"),  # everything is computed, nothing is written
    ("match", "matching.read_texts", "before"),
    ("match", "matching.match_in_shards", "before"),
    ("match", "match_shards.run_shard", "after"),
    ("match", "matching.blind_report", "before"),
    ("match", "matching._apply", "after"),
    ("match", "matching._suspects", "after"),  # inside the transaction of the step, with half of its rows
    ("audit", "matching.forget_shards", "before"),  # committed, not tidied up
    ("audit", "publish.write_manifests", "after"),
    ("audit", "publish.files_digest", "after"),
    ("write", "match_shards.forget", "before"),
    ("write", "publish.write_companions", "before"),
    ("write", "publish._read_back", "after"),
    ("write", "publish._move", "before"),
    ("write", "publish._move", "after"),  # in its place, not committed
]

BUILD = """
import importlib, os, signal, sys
import django
django.setup()
from django.db import connection
from benchmark_site.releases.building.pipeline import build_release

release, victim, point, when = sys.argv[1:]
module, _, name = ("benchmark_site.releases.building." + point).rpartition(".")
module = importlib.import_module(module)
function = getattr(module, name)

def strike():
    if victim == "worker":
        os.kill(os.getpid(), signal.SIGKILL)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        os.kill(cursor.fetchone()[0], signal.SIGKILL)  # PostgreSQL ends all its sessions and recovers from its log

def struck(*args, **kwargs):
    if when == "before":
        strike()
    result = function(*args, **kwargs)
    if when == "after":
        strike()
    return result

setattr(module, name, struck)
build_release(int(release))
"""


def build_until_killed(release: Release, victim: str, point: str, when: str, media: Path) -> int:
    """The exit status of another process that builds the release and strikes there."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "benchmark_site.settings",
        "DATABASE_URL": database_url(),
        "MEDIA_ROOT": str(media),
    }
    command = [sys.executable, "-c", BUILD, str(release.pk), victim, point, when]
    status = subprocess.run(command, cwd=ROOT, env=environment, timeout=180, check=False, capture_output=True)
    return status.returncode


def once_it_answers() -> None:
    """Return when the database has recovered, with a new connection to it."""
    deadline = time.monotonic() + 60
    while True:
        connection.close()
        try:
            connection.ensure_connection()
            return
        except OperationalError:
            assert time.monotonic() < deadline, "the database does not recover"
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("victim", ["worker", "database"])
def test_a_build_killed_at_every_step_ends_with_the_same_files(corpus, media, victim):
    if victim == "database" and not session_runs_here():
        pytest.skip("the database does not run on this machine")
    corpus(8)
    release = small_release("demo", "1.0.0")
    for step, point, when in POINTS:
        status = build_until_killed(release, victim, point, when, media)
        once_it_answers()
        release.refresh_from_db()
        assert status == (-signal.SIGKILL if victim == "worker" else 1), (point, when)
        assert (release.state, release.step) == ("building", step), (point, when, release.reason)
        # The next worker comes when the lease has grown stale. How many attempts a build has is tested elsewhere.
        stale = timezone.now() - timedelta(seconds=leases.STALE_S + 1)
        Release.objects.filter(pk=release.pk).update(heartbeat=stale, attempt=0)
    build_release(release.pk)
    undisturbed = small_release("demo", "1.0.1")
    build_release(undisturbed.pk)
    assert set(Release.objects.values_list("state", flat=True)) == {"frozen"}
    left = {path.name for path in release.folder.parent.iterdir() if path.is_dir()}
    assert left == {"demo-1.0.0", "demo-1.0.1"}
    assert files_of(release) == files_of(undisturbed)
    assert len(files_of(release)) >= 20


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_after_it_was_frozen_it_stays_frozen_and_its_zip_is_made_when_asked_for(corpus, media):
    corpus(6, questions=False)
    release = small_release("demo", "1.0.0")
    assert build_until_killed(release, "worker", "publish.zip_of", "before", media) == -signal.SIGKILL
    release.refresh_from_db()
    assert (release.state, release.step, release.claimed_by) == ("frozen", "done", "")
    before = release.sha256
    build_release(release.pk)
    release.refresh_from_db()
    assert release.sha256 == before
    assert zip_of(release).stat().st_size > 0


def files_of(release: Release) -> dict[str, str]:
    """Hashes by path of what does not name the version."""
    rows = r"^(held_out/)?(moment|qa|features|how2|qvhighlights)/|^(subtitles|licences)"
    return dict(release.files.filter(path__regex=rows).values_list("path", "sha256"))


def session_runs_here() -> bool:
    """Whether the process that serves this connection is one of this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_database()")
        pid, name = cursor.fetchone()
    return psutil.pid_exists(pid) and f" {name} " in " ".join(psutil.Process(pid).cmdline())
