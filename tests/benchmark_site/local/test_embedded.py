"""The embedded services as a process of their own sees them: started, kept, killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

HOLD = """
import sys, time
from benchmark_site.local import embedded
with embedded.running():
    import os
    print(os.environ["DATABASE_URL"], os.environ["CELERY_BROKER_URL"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hero-bench-embedded-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def hold(home: Path) -> tuple[subprocess.Popen[str], str, str]:
    """A process that keeps the services of this home running until its standard input closes."""
    hidden = {"DATABASE_URL", "CELERY_BROKER_URL", "MARKETPLACE_DATABASE_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "BENCH_HOME": str(home)},
    )
    assert process.stdout is not None
    database, broker = process.stdout.readline().split()
    return process, database, broker


def release(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)
    assert process.returncode == 0


def postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]))


def test_data_outlives_a_stop_and_the_password_is_asked_for(home: Path) -> None:
    process, database, _ = hold(home)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'Straße' AS word")
        locale = connection.execute("SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'bench'")
        assert locale.fetchone() == ("b", "C.UTF-8")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(database.replace("hero:", "hero:x"))
    release(process)
    process, again, _ = hold(home)
    assert again == database
    with psycopg.connect(again) as connection:
        assert connection.execute("SELECT upper('é')").fetchone() == ("É",)
        assert connection.execute("SELECT word FROM kept").fetchone() == ("Straße",)
    release(process)


def test_a_killed_parent_leaves_no_orphan(home: Path) -> None:
    process, _, _ = hold(home)
    children = psutil.Process(process.pid).children(recursive=True)
    assert {child.name() for child in children} >= {"postgres", "valkey-server"}
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive


def test_every_committed_row_is_there_after_kill_9_of_postgresql(home: Path) -> None:
    process, database, _ = hold(home)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE counted (n int)")
        for n in range(200):
            connection.execute("INSERT INTO counted VALUES (%s)", [n])
        postmaster(home).send_signal(signal.SIGKILL)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database, connect_timeout=2)
    release(process)
    deadline = time.monotonic() + 30
    while True:  # backends of the killed server may still hold its shared memory for a moment
        process, database, _ = hold(home)
        try:
            with psycopg.connect(database) as connection:
                assert connection.execute("SELECT count(*) FROM counted").fetchone() == (200,)
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
        finally:
            release(process)


def test_services_already_running_are_used_and_left_alone(home: Path) -> None:
    first, database, broker = hold(home)
    second, same_database, same_broker = hold(home)
    assert (same_database, same_broker) == (database, broker)
    release(second)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    release(first)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the services as another user")
def test_as_root_the_server_runs_unprivileged_on_binaries_it_can_reach(home: Path) -> None:
    process, _, _ = hold(home)
    server = postmaster(home)
    assert server.username() == "nobody"
    assert Path(server.exe()).is_relative_to(home)
    release(process)
