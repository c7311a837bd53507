"""The log in a run's folder: a row for every step, each once, whatever was cut off on the way; and who follows it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from evaluation.io.atomic import write_atomic
from evaluation.io.errors import refusing
from hero_model.errors import InputError
from hero_model.paths import writing
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


class Tracker(Protocol):
    """Somebody who is told the rows of one stage after the other."""

    def begin(self, stage: str, rows: Sequence[LogRow]) -> None:
        """A stage begins or goes on, after these rows of it."""

    def write(self, row: LogRow) -> None:
        """The next row of the stage."""

    def end(self) -> None:
        """Of the stage, or of the process: what was told is kept, whatever becomes of the process now."""


@dataclass
class RunLog:
    """The rows of a run, one JSON line each."""

    path: Path
    trackers: Sequence[Tracker] = ()
    begun: dict[str, float] = field(default_factory=dict)  # when each stage began, or went on
    told: list[Tracker] = field(default_factory=list)  # those who wait for the stage's end

    def write(self, stage: str, steps: int, step: Step) -> None:
        """Raises InputError where the file holds something else, or cannot be written."""
        if stage not in self.begun:
            self._forget(stage, step.number)
            self._begin(stage)
        seconds = round(time.monotonic() - self.begun[stage], 3)
        row = LogRow(stage, step.task, step.number, steps, step.loss, step.rate, seconds, step.val_loss)
        with writing(self.path), self.path.open("ab") as file:
            file.write(_line(row))
        for tracker in self.told:
            tracker.write(row)

    def end(self, stage: str) -> None:
        """No more rows of a stage come from this process. Trackers are told of one that made none here, too.

        Raises InputError as `rows` does.
        """
        if stage not in self.begun:
            self._begin(stage)
        while self.told:
            self.told.pop().end()

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

    def _begin(self, stage: str) -> None:
        self.begun[stage] = time.monotonic()
        if self.trackers:
            before = [row for row in self.rows() if row.stage == stage]
            for tracker in self.trackers:
                tracker.begin(stage, before)
                self.told.append(tracker)

    def _forget(self, stage: str, step: int) -> None:
        """Rows of the stage from `step` on."""
        kept = [row for row in self.rows() if row.stage != stage or row.step < step]
        with writing(self.path):
            write_atomic(self.path, map(_line, kept))


def _line(row: LogRow) -> bytes:
    return msgspec.json.encode(row) + b"\n"
