"""What `train` tells while it runs: a bar for people, JSON lines for programs, a log in the run's folder."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evaluation.io.atomic import write_atomic
from evaluation.io.errors import refusing
from hero_model.errors import InputError
from hero_model.paths import writing
from hero_model.training.trainer import Step

STEPS_A_LINE = 5  # of --progress-json
StageReport = Callable[[str, int, Step], None]  # (stage, steps of the stage, what the step did)


@contextmanager
def reporter(as_json: bool) -> Iterator[StageReport]:
    """A progress bar on standard error, or JSON lines {"stage", "task", "step", "steps", "loss"} on standard output."""
    if as_json:
        yield json_line
        return
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[objective]:<5} loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True))
    bars: dict[str, int] = {}

    def report(stage: str, steps: int, step: Step) -> None:
        if not bars:  # what is refused before the first step stands alone
            progress.start()
        told = {"completed": step.number, "loss": step.loss, "objective": step.task}
        if stage not in bars:
            bars[stage] = progress.add_task(stage, total=steps, **told)  # type: ignore[arg-type]
        progress.update(bars[stage], **told)  # type: ignore[arg-type]

    try:
        yield report
    finally:
        if bars:
            progress.stop()


def json_line(stage: str, steps: int, step: Step) -> None:
    if step.number % STEPS_A_LINE == 0 or step.number == steps:
        known = None if step.loss != step.loss else round(step.loss, 5)
        row = {"stage": stage, "task": step.task, "step": step.number, "steps": steps, "loss": known}
        print(json.dumps(row), flush=True)


@dataclass
class RunLog:
    """One JSON line for each step, each once, whatever was cut off on the way."""

    path: Path
    begun: dict[str, float] = field(default_factory=dict)  # when each stage began, or went on

    def write(self, stage: str, steps: int, step: Step) -> None:
        """Raises InputError where the file holds something else, or cannot be written."""
        if stage not in self.begun:
            self._forget(stage, step.number)
            self.begun[stage] = time.monotonic()
        row = {
            "stage": stage,
            "task": step.task,
            "step": step.number,
            "steps": steps,
            "loss": step.loss,
            "rate": step.rate,
            "seconds": round(time.monotonic() - self.begun[stage], 3),  # since its first step here
        }
        if step.val_loss is not None:
            row["val_loss"] = step.val_loss
        with writing(self.path), self.path.open("ab") as file:
            file.write(msgspec.json.encode(row) + b"\n")

    def _forget(self, stage: str, step: int) -> None:
        """Rows of the stage from `step` on, and half a line that a killed process left."""
        if not self.path.exists():
            return
        lines = self.path.read_bytes().split(b"\n")[:-1]
        with refusing(f"{self.path}: is no log of `train`", InputError):
            rows = [msgspec.json.decode(line) for line in lines]
            kept = [
                line
                for line, row in zip(lines, rows, strict=True)
                if (row["stage"], row["step"] < step) != (stage, False)
            ]
        with writing(self.path):
            write_atomic(self.path, [line + b"\n" for line in kept])
