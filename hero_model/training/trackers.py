"""TensorBoard and Weights & Biases: the rows of the log, for those who look there.

What a tracker was told by a process that died may lack the last steps, or have some that are made anew. So a stage that
goes on is told from its first row again, from the log, which has every step once, and in place of what was there.
"""

import glob
import importlib.util
import math
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.io.atomic import write_atomic
from evaluation.io.errors import refusing
from hero_model.errors import InputError
from hero_model.training.run_log import LogRow, Tracker

TENSORBOARD, WANDB = "tensorboard", "wandb"  # packages, options, and folders in OUT


class TensorBoard:
    """Events in OUT/tensorboard, a folder (a run, as TensorBoard calls it) for each stage."""

    def __init__(self, out: Path) -> None:
        self.folder = out / TENSORBOARD

    def begin(self, stage: str, rows: Sequence[LogRow]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(self.folder / stage, ignore_errors=True)
        # a TensorBoard that is open forgets, at step 0 and after, what it has read of the stage
        self.writer = SummaryWriter(str(self.folder / stage), purge_step=0)
        for row in rows:
            self.write(row)

    def write(self, row: LogRow) -> None:
        for name, value in scalars(row).items():
            self.writer.add_scalar(name, value, row.step)

    def end(self) -> None:
        self.writer.close()


class WeightsAndBiases:
    """A W&B run for each stage, in one group; in OUT/wandb and offline unless WANDB_MODE says otherwise."""

    def __init__(self, out: Path, asked: Mapping[str, object]) -> None:
        self.out, self.asked = out, asked

    def begin(self, stage: str, rows: Sequence[LogRow]) -> None:
        """Raises InputError where W&B does not begin, as without an account where WANDB_MODE is online."""
        import wandb

        group = self._group()
        for earlier in (self.out / WANDB).glob(f"offline-run-*-{glob.escape(group)}-{stage}"):
            shutil.rmtree(earlier)
        with refusing(f"--report {WANDB}", InputError):
            self.run: Any = wandb.init(
                dir=self.out,
                mode=os.environ.get("WANDB_MODE", "offline"),
                id=f"{group}-{stage}",
                name=f"{self.out.resolve().name} {stage}",
                group=group,
                job_type=stage,
                config=dict(self.asked),
                resume="allow",
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off", save_code=False),
            )
        self.first = self.run.step  # 0, or what follows the last step that the server has
        for row in rows:
            self.write(row)

    def write(self, row: LogRow) -> None:
        if row.step >= self.first:
            self.run.log(scalars(row), step=row.step)

    def end(self) -> None:
        self.run.finish()

    def _group(self) -> str:
        """The same whenever the run goes on, and no other run's."""
        path = self.out / WANDB / "group"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            write_atomic(path, [secrets.token_hex(6).encode()])
        return path.read_text()


def scalars(row: LogRow) -> dict[str, float]:
    """What is told of a step, by the names of the curves."""
    told = {f"loss/{row.task}": row.loss, "rate": row.rate}
    if row.val_loss is not None and math.isfinite(row.val_loss):
        told["val_loss"] = row.val_loss
    return told


def trackers_of(names: Sequence[str], out: Path, asked: Mapping[str, object]) -> list[Tracker]:
    """Those of the names, each once; nothing is written yet. Raises InputError where its package is not installed."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise InputError(f"--report {name}: the package {name} is not installed (pip install {name})")
    made: dict[str, Tracker] = {TENSORBOARD: TensorBoard(out), WANDB: WeightsAndBiases(out, asked)}
    return [made[name] for name in dict.fromkeys(names)]
