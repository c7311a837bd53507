"""One training run: blind baselines, HERO in a child process, predictions, submissions. Safe to do twice."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.utils import timezone

from benchmark_site.jobs import child_process
from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import MAX_ATTEMPTS, LeaseLost, acquire, heartbeat, locked
from benchmark_site.leaderboard.models import State, Track, TrainingRun
from benchmark_site.leaderboard.task_names import TRAIN
from benchmark_site.leaderboard.training.api_client import SubmissionRejected, baseline_token, send
from benchmark_site.leaderboard.training.systems import SYSTEMS, System, train_command

_BAD_INPUT = 2
_LINE_BYTES = 64 * 1024
# Shares of the whole: blind baselines before training, predictions after it.
_TRAINING_FROM, _TRAINING_TO = 0.1, 0.85
_STAGES = ("pretraining", "moment", "qa")


class StepFailed(Exception):
    """A step of the run ended badly. `again`: another attempt may do better."""

    def __init__(self, reason: str, log: str = "", *, again: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.log, self.again = reason, log, again


def run_training(pk: int) -> None:
    """Do a training run to its end; does nothing where another worker has it or it has ended."""
    run = acquire(TrainingRun, pk)
    if run is None:
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    try:
        with baseline_token() as token:
            _submit(run, token, [system for system in SYSTEMS if not system.needs_training], 0.0, _TRAINING_FROM)
            _train(run)
            _submit(run, token, [system for system in SYSTEMS if system.needs_training], _TRAINING_TO, 1.0)
        with locked(run) as mine:
            mine.progress, mine.stage = 1.0, ""
            mine.end(State.DONE, log=_log(run))
    except LeaseLost:
        return
    except (StepFailed, SubmissionRejected) as trouble:
        with contextlib.suppress(LeaseLost), locked(run) as mine:
            _stop(mine, trouble)


def _train(run: TrainingRun) -> None:
    """Train, or go on from the checkpoints of an attempt that died."""
    progress = run.folder / "progress.jsonl"
    progress.unlink(missing_ok=True)

    def alive() -> bool:
        facts = last_line(progress)
        share = _TRAINING_FROM + (_TRAINING_TO - _TRAINING_FROM) * _share(facts)
        return heartbeat(run, stage="training", progress=share, facts=facts)

    _run(run, train_command(run), alive, "the trainer", stdout=progress, threads=run.threads)


def _submit(run: TrainingRun, token: str, systems: list[System], begin: float, end: float) -> None:
    now = timezone.now()
    tracks = [track for track in run.release.tracks.all() if track.is_open(now)]
    todo = [(system, track) for system in systems for track in tracks if track.task in system.tasks]
    for place, (system, track) in enumerate(todo):
        share = begin + (end - begin) * place / len(todo)

        def alive(system: System = system, track: Track = track, share: float = share) -> bool:
            return heartbeat(run, stage=f"{system.method}: {track.task}, {track.split}", progress=share)

        if not alive():
            raise LeaseLost(f"{run} was cancelled or taken over")
        file = run.folder / "predictions" / f"{system.name}-{track.task}-{track.split}.json"
        if not file.exists():
            _predict(run, system, track, file, alive)
        send(token, track, system, file, alive)


def _predict(run: TrainingRun, system: System, track: Track, file: Path, alive: Callable[[], bool]) -> None:
    file.parent.mkdir(exist_ok=True)
    partial = file.with_suffix(".partial.json")
    partial.unlink(missing_ok=True)
    _run(run, system.command(run, track, partial), alive, f"the predictor of {system.method}", threads=run.threads)
    if not partial.exists():
        raise StepFailed(f"the predictor of {system.method} wrote no file", _log(run), again=False)
    os.replace(partial, file)


def _run(
    run: TrainingRun,
    command: list[str],
    alive: Callable[[], bool],
    who: str,
    *,
    threads: int,
    stdout: Path | None = None,
) -> None:
    ended = child_process.run(command, run.folder / "log.txt", alive=alive, threads=threads, stdout=stdout)
    if ended.status != 0:
        raise StepFailed(ended.reason(who), ended.log, again=ended.status != _BAD_INPUT)


def _stop(run: TrainingRun, trouble: StepFailed | SubmissionRejected) -> None:
    """Queue another attempt of the locked row, or give up after the third."""
    log = trouble.log if isinstance(trouble, StepFailed) else _log(run)
    final = isinstance(trouble, StepFailed) and not trouble.again
    if final or run.attempt >= MAX_ATTEMPTS:
        run.end(State.FAILED, f"{trouble} (attempt {run.attempt})", log)
        return
    run.requeue(f"attempt {run.attempt}: {trouble}", log)
    enqueue(TRAIN, run_id=run.pk)


def last_line(path: Path) -> dict[str, Any]:
    """The newest whole JSON object of a file of lines; empty where there is none yet."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LINE_BYTES))
        lines = file.read().split(b"\n")[:-1]  # what follows the last newline is still being written
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def _share(facts: dict[str, Any]) -> float:
    """The trainer's own place among its stages, 0 to 1: {"stage", "step", "steps", "loss"}."""
    stage, step, steps = facts.get("stage"), facts.get("step"), facts.get("steps")
    if stage not in _STAGES or not isinstance(step, int) or not isinstance(steps, int) or steps < 1:
        return 0.0
    return (_STAGES.index(stage) + min(1.0, max(0.0, step / steps))) / len(_STAGES)


def _log(run: TrainingRun) -> str:
    log = run.folder / "log.txt"
    return child_process.tail(log) if log.exists() else ""
