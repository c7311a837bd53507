"""The systems that the platform submits itself: how each writes its predictions for a track."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmark_site.leaderboard.models import Task, Track, TrainingRun
from benchmark_site.releases.files.features import feature_set
from benchmark_site.releases.models import Release

Command = Callable[[TrainingRun, Track, Path], list[str]]


@dataclass(frozen=True)
class System:
    """A name on the board, the tasks it can do, and the command that writes predictions into a file."""

    name: str
    method: str
    description: str
    tasks: tuple[Task, ...]
    command: Command
    needs_training: bool = False


def model_folder(run: TrainingRun) -> Path:
    """OUT of `python -m hero_model train`."""
    return run.folder / "model"


def train_command(run: TrainingRun) -> list[str]:
    return [
        sys.executable, "-m", "hero_model", "train", str(run.release.folder), str(model_folder(run)),
        "--preset", run.preset, "--seed", str(run.seed), "--threads", str(run.threads), "--progress-json",
        *_features(run.release),
    ]  # fmt: skip


def _features(release: Release) -> list[str]:
    name = feature_set(release)
    return [] if name is None else ["--features", name]


def _hero(run: TrainingRun, track: Track, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "hero_model", "predict", str(model_folder(run)), str(run.release.folder),
        "--task", track.task, "--split", track.split, "--threads", str(run.threads), "--out", str(out),
        *_features(run.release),
    ]  # fmt: skip


def _text_only(run: TrainingRun, track: Track, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "hero_model", "text-only", str(run.release.folder),
        "--task", track.task, "--split", track.split, "--threads", str(run.threads), "--out", str(out),
    ]  # fmt: skip


def _blind(kind: str) -> Command:
    def command(run: TrainingRun, track: Track, out: Path) -> list[str]:
        return [
            sys.executable, "-m", "evaluation", "baseline", str(run.release.folder),
            "--task", track.task, "--split", track.split, "--kind", kind, "--seed", str(run.seed), "--out", str(out),
        ]  # fmt: skip

    return command


SYSTEMS = (
    System("random", "random", "Guesses, drawn evenly.", (Task.MOMENT, Task.QA), _blind("random")),
    System(
        "prior",
        "prior only",
        "The best single span of train, in every video.",
        (Task.MOMENT,),
        _blind("prior"),
    ),
    System("majority", "majority", "The most frequent place of the right answer.", (Task.QA,), _blind("majority")),
    System("text-only", "text only", "Reads the subtitles, sees no frame.", (Task.MOMENT,), _text_only),
    System(
        "hero",
        "HERO",
        "The hierarchical encoder, pre-trained on the train split of this release and then on each task.",
        (Task.MOMENT, Task.QA),
        _hero,
        needs_training=True,
    ),
)
