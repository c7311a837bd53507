"""HERO and the blind baselines on the boards of a release."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.leaderboard.boards.tracks import open_boards
from benchmark_site.leaderboard.models import State, TrainingRun
from benchmark_site.leaderboard.task_names import TRAIN

SEED, THREADS = 0, 2


def start_baselines(release_id: int, preset: str = "small") -> TrainingRun:
    """Open the boards of a frozen release and queue the run that trains HERO and submits it with the blind baselines.

    A run that is under way or done is returned as it is; a failed one is followed by a new one, which continues from
    its checkpoints. Raises ValueError where the release is not frozen.
    """
    open_boards(release_id)
    found = _standing(release_id, preset)
    if found is not None:
        return found
    try:
        with transaction.atomic():
            run = TrainingRun.objects.create(release_id=release_id, preset=preset, seed=SEED, threads=THREADS)
            enqueue(TRAIN, run_id=run.pk)
            return run
    except IntegrityError:  # another caller was first
        return TrainingRun.objects.filter(release_id=release_id).latest("pk")


def _standing(release_id: int, preset: str) -> TrainingRun | None:
    ours = TrainingRun.objects.filter(release_id=release_id, preset=preset, seed=SEED)
    return ours.exclude(state__in=[State.FAILED, State.CANCELLED]).first()
