"""What `train` tells while it runs: a bar for people, JSON lines for programs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
