"""kill -9 in the middle of the demo: what died is started again, and the end is the same."""

from __future__ import annotations

import os
import signal
import time

import psycopg
import pytest

from benchmark_site.local import embedded
from tests.e2e.conftest import TINY, Demo, running_demo

COUNTS = [
    "SELECT count(*) FROM annotation_segment",
    "SELECT count(*) FROM annotation_query",
    "SELECT count(*) FROM annotation_question",
    "SELECT count(*) FROM annotation_assignment",
    "SELECT sum(amount) FROM annotation_ledgerentry WHERE kind = 'reward'",
    "SELECT max(sha256) FROM releases_release",
]


def ask(demo: Demo, sql: str) -> object:
    """One value from the demo's database, asked again while it is being started again."""
    home, os.environ["BENCH_HOME"] = os.environ["BENCH_HOME"], str(demo.home)
    try:
        url = embedded.load_secrets().database_url
    finally:
        os.environ["BENCH_HOME"] = home
    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(url, connect_timeout=2) as connection:
                row = connection.execute(sql).fetchone()  # type: ignore[call-overload]
                return row[0] if row else None
        except psycopg.OperationalError:
            assert demo.process.poll() is None, demo.output()
            assert time.monotonic() < deadline, demo.output()
            time.sleep(0.2)


def wait_until(demo: Demo, sql: str, timeout_s: float = 300) -> None:
    deadline = time.monotonic() + timeout_s
    while not ask(demo, sql):
        assert demo.process.poll() is None, demo.output()
        assert time.monotonic() < deadline, f"{sql}\n{demo.output()}"
        time.sleep(0.2)


def kill(demo: Demo, name: str) -> None:
    """kill -9 of the oldest process whose command line holds this."""
    running = [process for process in demo.processes() if name in " ".join(process.cmdline())]
    min(running, key=lambda process: process.create_time()).send_signal(signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_worker_web_server_and_postgresql_killed_in_the_middle(demo: Demo) -> None:
    undisturbed = [ask(demo, sql) for sql in COUNTS]
    with running_demo(*TINY) as second:
        second.wait_for("render the world")
        wait_until(second, "SELECT count(*) > 2 FROM annotation_video WHERE state = 'ready'")
        kill(second, "ingest@")
        wait_until(second, "SELECT count(*) > 3 FROM annotation_receipt")
        kill(second, "benchmark_site.server")
        wait_until(second, "SELECT count(*) > 10 FROM annotation_receipt")
        kill(second, "bin/postgres")
        wait_until(second, "SELECT count(*) > 5 FROM annotation_query")
        kill(second, "worker@")
        wait_until(second, "SELECT count(*) = 1 FROM releases_release WHERE state = 'frozen'", 600)
        assert [ask(second, sql) for sql in COUNTS] == undisturbed
        supervisor = (second.home / "logs" / "supervisor.log").read_text()
        for name in ("ingest", "worker", "web", "postgres"):
            assert f"{name} ended with status -9: starting it again" in supervisor
