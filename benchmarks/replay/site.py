"""The site as `make up` starts it, whose worker's process can be killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
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

    def processor_s(self) -> Counter[str]:
        """Seconds of processor time by now, of the site's programs and services and of whoever asks.

        What ended counts for who started it; the children of what was killed are left out.
        """
        supervisor = psutil.Process(self.supervisor.pid)
        programs = {"driver": [psutil.Process()], "supervisor": [supervisor]}
        for program in supervisor.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                programs[_name(program)] = [program, *program.children(recursive=True)]
        found: Counter[str] = Counter()
        for name, processes in programs.items():
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    found[name] += sum(process.cpu_times()[:4])  # user and system, its own and of children that ended
        return found


def _name(program: psutil.Process) -> str:
    """By what its command holds: a worker's node, a service or a part of the site."""
    command = program.cmdline()
    nodes = [word.removesuffix("@%h") for word in command if word.endswith("@%h")]
    known = ("postgres", "valkey", "gunicorn", "benchmark_site.server", "run_clock", "beat")
    return next((name for name in (*nodes, *known) if name in " ".join(command)), "others")


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
