"""`manage.py train_baselines demo 1.0.0`: HERO and the blind baselines, trained, predicted, submitted by a worker."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import Progress

from benchmark_site.leaderboard.models import State, TrainingRun
from benchmark_site.leaderboard.training.baselines import start_baselines
from benchmark_site.releases.management.frozen import add_release_arguments, find_frozen

_POLL_S = 1.0


class Command(BaseCommand):
    help = (
        "Queue the run that trains HERO on a frozen release and submits it with the random, prior-only and text-only "
        "baselines to every open board, through the HTTP API. A worker of the queue `train` does it; with --wait the "
        "command shows its progress until it has ended."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_release_arguments(parser)
        parser.add_argument("--wait", action="store_true", help="stay and show the progress")

    def handle(self, *args: Any, **options: Any) -> None:
        run = start_baselines(find_frozen(options).pk)
        self.stdout.write(f"{run}: {run.get_state_display()}, {run.get_absolute_url()}")
        if options["wait"]:
            self._follow(run)

    def _follow(self, run: TrainingRun) -> None:
        with Progress() as progress:
            task = progress.add_task(str(run), total=1.0)
            while not run.is_finished:
                progress.update(task, completed=run.progress, description=run.stage or "waiting for a worker")
                time.sleep(_POLL_S)
                run.refresh_from_db()
            progress.update(task, completed=run.progress, description=run.get_state_display())
        if run.state != State.DONE:
            raise CommandError(f"{run}: {run.error}")
