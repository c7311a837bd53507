"""The site as `make up` starts it, whose worker's process can be killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.replay.source import Row
from tests.marketplace.site import Site, free_port

SITE_STARTS_S = 300.0


@dataclass
class Running:
    """The site as `make up` starts it."""

    supervisor: subprocess.Popen[bytes]
    marketplace: Site
    by_clip: dict[str, Row] = field(default_factory=dict)
    killed: int = 0

    def kill_worker(self) -> None:
        """The Celery worker with its pool, at once; the supervisor starts another one."""
        for process in psutil.Process(self.supervisor.pid).children():
            if "worker@%h" in process.cmdline():
                family = [process, *process.children(recursive=True)]
                for member in family:
                    member.kill()
                self.killed += 1

    def processor_s(self) -> float:
        """Seconds of processor time by now, of the site with its services and of whoever asks; the killed leave out."""
        us, theirs = psutil.Process(), psutil.Process(self.supervisor.pid)
        found = 0.0
        for process in (us, theirs, *theirs.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                found += sum(process.cpu_times()[:4])  # user and system, its own and of children that ended
        return found


def start_site(home: Path) -> Running:
    """Raises RuntimeError where it is not ready in time."""
    from benchmark_site.local import embedded
    from benchmark_site.local.processes import die_with_parent
    from benchmark_site.local.supervisor import READY, site_environment

    os.environ.update(BENCH_HOME=str(home), PORT=str(free_port()), MARKETPLACE_PORT=str(free_port()))
    os.environ.update(site_environment(), DJANGO_SETTINGS_MODULE="benchmark_site.settings")
    log = home / "supervisor.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "benchmark_site.local.supervisor"]
        supervisor = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, preexec_fn=die_with_parent("SIGTERM")
        )
    deadline = time.monotonic() + SITE_STARTS_S
    while READY not in log.read_text().splitlines():
        if supervisor.poll() is not None or time.monotonic() > deadline:
            embedded.stop(supervisor, "SIGTERM", timeout_s=60)
            raise RuntimeError(f"the site did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)
    return Running(supervisor, Site(os.environ["MARKETPLACE_URL"], {}, 0, 0))
