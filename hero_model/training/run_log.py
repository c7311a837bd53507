"""The log in a run's folder: a row for every step, each once, whatever was cut off on the way."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from evaluation.io.atomic import write_atomic
from evaluation.io.errors import refusing
from hero_model.errors import InputError
from hero_model.training.trainer import Step


class LogRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one step did."""

    stage: str
    task: str  # the objective
    step: int
    steps: int  # of the stage
    loss: float
    rate: float  # share of the learning rates
    seconds: float  # since the first step of the stage that this process made
    val_loss: float | None = None


@dataclass
class RunLog:
    """The rows of a run, one JSON line each."""

    path: Path
    begun: dict[str, float] = field(default_factory=dict)  # when each stage began, or went on

    def write(self, stage: str, steps: int, step: Step) -> None:
        """Raises InputError where the file holds something else."""
        if stage not in self.begun:
            self._forget(stage, step.number)
            self.begun[stage] = time.monotonic()
        seconds = round(time.monotonic() - self.begun[stage], 3)
        row = LogRow(stage, step.task, step.number, steps, step.loss, step.rate, seconds, step.val_loss)
        with self.path.open("ab") as file:
            file.write(_line(row))

    def rows(self) -> list[LogRow]:
        """Without half a line that a killed process left. Raises InputError that names the line."""
        if not self.path.exists():
            return []
        found = []
        decoder = msgspec.json.Decoder(LogRow)
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], 1):
            with refusing(f"{self.path}:{number}: is no row of `train`", InputError):
                found.append(decoder.decode(line))
        return found

    def _forget(self, stage: str, step: int) -> None:
        """Rows of the stage from `step` on."""
        kept = [row for row in self.rows() if row.stage != stage or row.step < step]
        write_atomic(self.path, map(_line, kept))


def _line(row: LogRow) -> bytes:
    return msgspec.json.encode(row) + b"\n"
