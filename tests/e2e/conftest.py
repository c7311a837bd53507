"""The demo at tiny size as a user starts it, kept up for the browser."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from django.utils.crypto import salted_hmac

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--no-films", "--clips", "12", "--annotators", "9", "--preset", "tiny"]
START_S = 900
SECRET_KEY = secrets.token_hex(32)  # of every demo of a run: their releases are compared by hash
STAYS_UP = "The site stays up"


@dataclass
class Demo:
    """A running `manage.py demo` with a home of its own."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def site(self) -> str:
        return f"http://localhost:{self.environment['PORT']}"

    def password_of(self, worker: str) -> str:
        """Of an annotator: it follows from the installation's secret."""
        drawn = salted_hmac("demo world", "0", secret=SECRET_KEY, algorithm="sha256").hexdigest()
        return f"paints and watches {int(drawn[:12], 16)} {worker}"

    @property
    def marketplace(self) -> str:
        return f"http://127.0.0.1:{self.environment['MARKETPLACE_PORT']}"

    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str, timeout_s: float = START_S) -> None:
        """Return when the demo has printed this; fail with its output when it ends or takes too long."""
        deadline = time.monotonic() + timeout_s
        while text not in self.output():
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.output()}"
            assert time.monotonic() < deadline, f"no “{text}” within {timeout_s:.0f} s:\n{self.output()}"
            time.sleep(0.5)

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run a management command beside it and return what it prints."""
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("BENCH_HOME") == str(self.home):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


@contextmanager
def running_demo(*arguments: str) -> Iterator[Demo]:
    """Start a demo from an empty home; at the end press Ctrl-C and see that nothing is left."""
    # Not tmp_path: its folders are of mode 700, which PostgreSQL's unprivileged user cannot enter.
    home = Path(tempfile.mkdtemp(prefix="hero-bench-demo-"))
    home.chmod(0o755)
    ours = ("DATABASE_URL", "CELERY_BROKER_URL", "SECRET_KEY", "SITE_URL", "MEDIA_ROOT")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("MARKETPLACE_", "MTURK_", "BENCH_", "DJANGO_"))
    }
    environment |= {
        "SECRET_KEY": SECRET_KEY,
        "BENCH_HOME": str(home),
        "PORT": str(_free_port()),
        "MARKETPLACE_PORT": str(_free_port()),
    }
    log = home / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            # A run in the background of a shell script ignores Ctrl-C, and so would all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    demo = Demo(home, environment, process, log)
    try:
        yield demo
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 0, demo.output()
        assert not demo.processes()
    finally:
        for left in [*demo.processes()]:
            left.kill()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    with running_demo(*TINY) as running:
        running.wait_for(STAYS_UP)
        yield running


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
