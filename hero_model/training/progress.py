"""What `train` tells while it runs: a progress bar for people, JSON lines for programs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

STEPS_A_LINE = 5  # of --progress-json
StageReport = Callable[[str, int, int, float], None]  # (stage, step, steps, loss)


@contextmanager
def reporter(as_json: bool) -> Iterator[StageReport]:
    """A progress bar on standard error, or JSON lines {"stage", "step", "steps", "loss"} on standard output."""
    if as_json:
        yield json_line
        return
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True))
    bars: dict[str, int] = {}

    def report(stage: str, step: int, steps: int, loss: float) -> None:
        if not bars:  # what is refused before the first step stands alone
            progress.start()
        if stage not in bars:
            bars[stage] = progress.add_task(stage, total=steps, loss=loss)
        progress.update(bars[stage], completed=step, loss=loss)  # type: ignore[arg-type]

    try:
        yield report
    finally:
        if bars:
            progress.stop()


def json_line(stage: str, step: int, steps: int, loss: float) -> None:
    if step % STEPS_A_LINE == 0 or step == steps:
        known = None if loss != loss else round(loss, 5)
        print(json.dumps({"stage": stage, "step": step, "steps": steps, "loss": known}), flush=True)
