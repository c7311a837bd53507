"""Every process of one machine's HERO Bench, started in order, restarted when one dies, stopped together.

`manage.py up` runs it in the foreground; `manage.py demo` as a child, `python -m benchmark_site.local.supervisor`.
Logs lie in `$BENCH_HOME/logs`. A killed supervisor takes its children along (see `processes.die_with_parent`).
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from benchmark_site.local import embedded
from benchmark_site.local.processes import spawn

HEALTHY_AFTER_S = 20.0
LONGEST_PAUSE_S = 10.0
READY = "ready"
MARKETPLACE_SETTINGS = "annotation.marketplace.settings"


@dataclass
class Program:
    """One supervised process."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: str = "SIGTERM"
    user: int | None = None
    service: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.0
    not_before: float = 0.0

    def start(self, logs: Path) -> None:
        log = logs / f"{self.name}.log"
        self.process = spawn(
            self.command, log, stop_signal=self.stop_signal, user=self.user, environment=self.environment
        )
        self.started = time.monotonic()


class Supervisor:
    """Keeps the programs of one machine running until it is told to stop."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.home = embedded.bench_home()
        self.logs = self.home / "logs"
        self.logs.mkdir(exist_ok=True)
        self.programs: list[Program] = []
        self.stopping = False

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Start everything, call `ready`, and watch until SIGINT or SIGTERM. Raises EmbeddedError, RuntimeError."""
        with (self.home / "supervisor.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RuntimeError(f"HERO Bench already runs on {self.home}: stop it first") from error
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._ask_to_stop)
            for port in ports():
                if embedded.answers(port):
                    raise RuntimeError(f"port {port} is in use: set PORT and MARKETPLACE_PORT to free ones")
            try:
                self._start_services()
                self._prepare()
                for program in site_programs():
                    self._start(program)
                self._wait_for_ports()
                if not self.stopping:
                    ready()
                while not self.stopping:
                    self._revive()
                    time.sleep(0.1)
            finally:
                self._stop_all()

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _start_services(self) -> None:
        for variable, make, wait in (
            ("DATABASE_URL", embedded.postgres_service, embedded.wait_for_postgres),
            ("CELERY_BROKER_URL", embedded.valkey_service, embedded.wait_for_valkey),
        ):
            if variable in os.environ:
                continue
            service = make()
            self.say(f"starting {service.name}")
            self._start(Program(service.name, service.command, {}, service.stop_signal, service.user, service=True))
            wait()
        embedded.export_urls()

    def _prepare(self) -> None:
        """Tables, static files and the platform's own account at the marketplace: each a no-op when done before."""
        keys = embedded.load_secrets()
        os.environ.update(site_environment())
        self.say("preparing databases and static files")
        requester = ["--name", "HERO Bench", "--balance", "10000.00"]
        requester += ["--access-key", os.environ.get("MTURK_ACCESS_KEY", keys.crowd_access_key)]
        requester += ["--secret", os.environ.get("MTURK_SECRET", keys.crowd_secret)]
        for arguments in (
            ["migrate"],
            ["collectstatic"],
            ["migrate", "--settings", MARKETPLACE_SETTINGS],
            ["collectstatic", "--settings", MARKETPLACE_SETTINGS],
            ["create_requester", *requester, "--settings", MARKETPLACE_SETTINGS],
        ):
            quiet = [] if arguments[0] == "create_requester" else ["--noinput", "-v", "0"]
            result = subprocess.run(
                [sys.executable, "manage.py", *arguments, *quiet], capture_output=True, text=True, check=False
            )
            if result.returncode != 0:
                raise RuntimeError(f"manage.py {arguments[0]} failed:\n{result.stdout}{result.stderr}")

    def _start(self, program: Program) -> None:
        program.start(self.logs)
        self.programs.append(program)

    def _wait_for_ports(self) -> None:
        deadline = time.monotonic() + 60
        for port in ports():
            while not embedded.answers(port) and not self.stopping:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"nothing answers on port {port} after 60 s: see {self.logs}")
                self._revive()
                time.sleep(0.1)

    def _revive(self) -> None:
        """Start again what has died, at once the first time and with growing pauses when it keeps dying."""
        now = time.monotonic()
        for program in self.programs:
            process = program.process
            if process is not None and process.poll() is not None:
                lived = now - program.started
                program.pause = 0.0 if lived > HEALTHY_AFTER_S else min(LONGEST_PAUSE_S, program.pause * 2 + 0.5)
                program.not_before, program.process = now + program.pause, None
                self.say(f"{program.name} ended with status {process.returncode}: starting it again")
            if program.process is None and now >= program.not_before and not self.stopping:
                program.start(self.logs)

    def _stop_all(self) -> None:
        """First everything that uses the services, at once, then the services."""
        services = [program for program in self.programs if program.service]
        running = [program for program in self.programs if not program.service]
        for group in (running, *[[service] for service in reversed(services)]):
            for program in group:
                if program.process is not None and program.process.poll() is None:
                    program.process.send_signal(signal.Signals[program.stop_signal])
            for program in group:
                if program.process is not None:
                    embedded.stop(program.process, program.stop_signal)


def ports() -> tuple[int, int]:
    """The platform's and the marketplace's port: `PORT` (8000) and `MARKETPLACE_PORT` (8001)."""
    return int(os.environ.get("PORT", "8000")), int(os.environ.get("MARKETPLACE_PORT", "8001"))


def site_environment() -> dict[str, str]:
    """What the programs must know of each other, where the user has not set it.

    The platform is `localhost` and the marketplace `127.0.0.1`: different sites for a browser, as they are in
    production, so that a task's frame really is cross-site.
    """
    keys = embedded.load_secrets()
    port, marketplace_port = ports()
    site, marketplace = f"http://localhost:{port}", f"http://127.0.0.1:{marketplace_port}"
    defaults = {
        "SITE_URL": site,
        "MARKETPLACE_URL": marketplace,
        "MARKETPLACE_SECRET_KEY": keys.marketplace_secret_key,
        "MARKETPLACE_OPEN_SIGNUP": "true",
        "MARKETPLACE_FRAME_ORIGINS": os.environ.get("SITE_URL", site),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return {name: value for name, value in defaults.items() if name not in os.environ}


def site_programs() -> list[Program]:
    """Web, marketplace, workers, clocks."""
    port, marketplace_port = ports()
    python = sys.executable
    gunicorn = [python, "-m", "gunicorn", "--workers", "2", "--threads", "4", "--timeout", "120", "--keep-alive", "75"]
    gunicorn += ["--no-control-socket"]
    celery = [python, "-m", "celery", "-A", "benchmark_site.celery"]
    # What may take long has workers of its own, so that it delays no sweep or mail; who searches waits. One build at a
    # time, since a large one takes a gigabyte of memory.
    return [
        Program("web", web_server(python, port)),
        Program(
            "marketplace",
            [*gunicorn, "--bind", f"127.0.0.1:{marketplace_port}", "annotation.marketplace.wsgi"],
            {"DJANGO_SETTINGS_MODULE": MARKETPLACE_SETTINGS},
        ),
        Program("clock", [python, "manage.py", "run_clock", "--settings", MARKETPLACE_SETTINGS]),
        _worker(celery, "worker", "default", 2),
        _worker(celery, "scorer", "score", 2),
        _worker(celery, "rescorer", "again"),
        _worker(celery, "builder", "match"),
        _worker(celery, "ingest", "ingest,features", 2),
        _worker(celery, "trainer", "train"),
        _worker(celery, "searcher", "search"),
        _worker(celery, "predictor", "predict"),
        *blind_checker(celery),
        Program("beat", [*celery, "beat", "--loglevel", "WARNING", "--pidfile="]),
    ]


def blind_checker(celery: list[str]) -> list[Program]:
    """The worker that scores questions while they are written, where it is asked for: it keeps a model loaded."""
    if os.environ.get("BLIND_IN_THE_LOOP", "").lower() not in {"1", "true", "yes", "on"}:
        return []
    return [_worker(celery, "blind", "blind")]


def _worker(celery: list[str], name: str, queues: str, processes: int = 1) -> Program:
    taken = ["-n", f"{name}@%h", "-Q", queues, "-c", str(processes)]
    apart = ["--without-gossip", "--without-mingle"]  # no worker asks what another one does
    return Program(name, [*celery, "worker", *taken, *apart, "--loglevel", "INFO"])


def web_server(python: str, port: int) -> list[str]:
    """The command of the platform's web server; with an https address, something before it speaks TLS."""
    command = [python, "-m", "benchmark_site.server", "--listen", f"127.0.0.1:{port}"]
    return [*command, "--behind-proxy"] if os.environ.get("SITE_URL", "").startswith("https:") else command


def main() -> None:
    supervisor = Supervisor(lambda line: print(line, flush=True))
    try:
        supervisor.run(ready=lambda: print(READY, flush=True))
    except (embedded.EmbeddedError, RuntimeError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
