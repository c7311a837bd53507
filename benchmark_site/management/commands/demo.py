"""`manage.py demo`: from nothing to a leaderboard, and then the site until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmark_site.demo.path import DemoError, Plan, walk
from benchmark_site.demo.summary import print_summary
from benchmark_site.local import embedded
from benchmark_site.local.processes import die_with_parent
from benchmark_site.local.supervisor import READY

START_TIMEOUT_S = 180


class Command(BaseCommand):
    help = (
        "Walk the whole path on a small world: render and ingest videos, have simulated annotators mark, describe and "
        "ask on the local marketplace, freeze a release, train HERO on it, score it beside blind baselines. "
        "Everything is kept: a second start goes on where the first one stopped."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--exit", action="store_true", help="end after the summary instead of keeping the site up")
        parser.add_argument("--clips", type=int, default=90, help="procedural clips to render (default 90)")
        parser.add_argument("--annotators", type=int, default=18, help="simulated annotators (default 18)")
        parser.add_argument("--seed", type=int, default=0, help="draws the world and the annotators (default 0)")
        parser.add_argument("--preset", default="small", help="HERO's size: small, or tiny to see it work in seconds")
        parser.add_argument("--no-films", action="store_true", help="leave the real films out (nothing is fetched)")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        site = _start_site(console)
        try:
            self._walk(options, console)
            if not options["exit"]:
                console.print("\nThe site stays up. Stop it with Ctrl-C.")
                site.wait()
        except KeyboardInterrupt:
            console.print("\nStopping.")
        finally:
            embedded.stop(site, "SIGTERM", timeout_s=60)

    def _walk(self, options: dict[str, Any], console: Console) -> None:
        plan = Plan(
            folder=embedded.bench_home() / "demo",
            clips=options["clips"],
            annotators=options["annotators"],
            seed=options["seed"],
            films=not options["no_films"],
            preset=options["preset"],
        )
        plan.folder.mkdir(exist_ok=True)
        started = time.monotonic()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        try:
            with Progress(*columns, console=console) as progress:
                release = walk(plan, progress, lambda line: progress.console.print(line))
        except (DemoError, OperationalError) as error:
            raise CommandError(f"{error}\nLogs: {embedded.bench_home() / 'logs'}") from error
        print_summary(release, console, seconds=time.monotonic() - started)


def _start_site(console: Console) -> subprocess.Popen[bytes]:
    """The supervisor as a child in a session of its own, so that Ctrl-C reaches us first."""
    log_path = embedded.bench_home() / "logs" / "supervisor.log"
    log_path.parent.mkdir(exist_ok=True)
    with log_path.open("wb") as log:
        site = subprocess.Popen(
            [sys.executable, "-m", "benchmark_site.local.supervisor"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent("SIGTERM"),
            # Annotators take the oldest HIT: made in order, the same seed gives everybody the same work each time.
            env={"LAUNCH_AT_ONCE": "1", **os.environ},
        )
    with console.status("starting PostgreSQL, Valkey, platform, marketplace and workers"):
        _wait_until_ready(site, log_path)
    return site


def _wait_until_ready(site: subprocess.Popen[bytes], log: Path) -> None:
    """The supervisor says so itself: a port that answers may still be another site's."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while READY not in log.read_text().splitlines():
        if site.poll() is not None:
            raise CommandError(f"the site did not start:\n{log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise CommandError(f"the site is not ready after {START_TIMEOUT_S} s: see {log.parent}")
        time.sleep(0.2)
