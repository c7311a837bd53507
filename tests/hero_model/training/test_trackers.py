"""What TensorBoard and W&B are told: the rows of the log, each once, whatever was killed on the way."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hero_model.__main__ import main
from hero_model.errors import InputError
from hero_model.training.run_log import RunLog, Tracker
from hero_model.training.trackers import TENSORBOARD, WANDB, trackers_of
from hero_model.training.trainer import Step
from tests.hero_model.tiny_models import refused

STAGES = ("pretraining", "moment", "qa")
SHORT = [f"--set={stage}.{key}" for stage in STAGES for key in ("steps=2", "clips=4")]
Points = list[tuple[str, int, float]]  # (name, step, value), sorted


def train(release: Path, out: Path, *more: str) -> list[str]:
    return ["train", str(release), str(out), "--preset", "tiny", "--threads", "1", "--progress-json", *SHORT, *more]


def in_events(out: Path, stage: str) -> Points:
    """Of every event in every file, with nothing that TensorBoard would hide."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found, last = [], 0
    for path in sorted((out / TENSORBOARD / stage).iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                assert event.step >= last
                last = event.step
                found.append((value.tag, event.step, round(value.tensor.float_val[0], 5)))
    return sorted(found)


def in_wandb(out: Path, stage: str) -> Points:
    """Of the one file of an offline run. W&B's own process writes it, and may still be at it when a run has ended."""
    (path,) = (out / WANDB).glob(f"offline-run-*-{stage}/run-*.wandb")
    for _ in range(200):
        records = wandb_records(path.read_bytes())
        if records and records[-1].WhichOneof("record_type") == "exit":
            break
        time.sleep(0.05)
    found = []
    for record in records:
        told = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        found += [(name, told["_step"], round(value, 5)) for name, value in told.items() if not name.startswith("_")]
    return sorted(found)


def wandb_records(raw: bytes) -> list[Any]:
    """Of a file in the form of LevelDB's logs."""
    from wandb.proto.wandb_internal_pb2 import Record

    place, whole, found = 7, b"", []
    while place + 7 <= len(raw):  # the last one may not be whole yet
        if (1 << 15) - place % (1 << 15) < 7:  # no header goes over the end of a block
            place += (1 << 15) - place % (1 << 15)
            continue
        size, kind = struct.unpack("<HB", raw[place + 4 : place + 7])
        if place + 7 + size > len(raw):
            break
        whole, place = whole + raw[place + 7 : place + 7 + size], place + 7 + size
        if kind in (1, 4):  # whole, or the last part
            found.append(Record.FromString(whole))
            whole = b""
    return found


def in_log(out: Path, stage: str) -> Points:
    rows = [row for row in RunLog(out / "log.jsonl").rows() if row.stage == stage]
    found = [(f"loss/{row.task}", row.step, row.loss) for row in rows] + [("rate", row.step, row.rate) for row in rows]
    found += [("val_loss", row.step, row.val_loss) for row in rows if row.val_loss is not None]
    return sorted((name, step, round(value, 5)) for name, step, value in found)


@pytest.fixture(params=[TENSORBOARD, WANDB])
def tracker(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param, reason=f"the package {request.param} is not installed")
    return request.param


@pytest.fixture
def told(tracker: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], Points]:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return {TENSORBOARD: in_events, WANDB: in_wandb}[tracker]


@pytest.mark.parametrize("name", [TENSORBOARD, WANDB])
def test_a_package_that_is_not_there_is_named_and_nothing_written(
    name: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as Python marks what cannot be imported
    expected = f"--report {name}: the package {name} is not installed (pip install {name})"
    refused(capsys, list(train(release, tmp_path / "out", "--report", name)), expected)
    assert not (tmp_path / "out").exists()
    refused(capsys, list(train(release, tmp_path / "out", "--report", "excel")), "--report: invalid choice: 'excel'")


def test_a_run_is_told_as_it_is_logged(
    tracker: str, told: Callable[[Path, str], Points], release: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    more = ["--report", tracker, "--report", tracker, "--set=moment.validate_every=2"]
    assert main(train(release, out, *more)) == 0
    for stage in STAGES:
        assert told(out, stage) == in_log(out, stage) != []
    names = {name for name, _, _ in told(out, "moment")}
    assert names == {"loss/moment", "rate", "val_loss"}
    assert {path.name for path in out.iterdir()} == {"run.json", "log.jsonl", "curves.svg", tracker, *STAGES}


def log_of(out: Path, *names: str) -> RunLog:
    return RunLog(out / "log.jsonl", trackers_of(names, out, {"seed": 0}))


def test_a_stage_that_goes_on_has_no_step_twice(
    tracker: str, told: Callable[[Path, str], Points], tmp_path: Path
) -> None:
    """Five steps and no word of the end, then on from the third, twice."""
    for first in (1, 3, 3):
        log = log_of(tmp_path, tracker)
        for number in range(first, first + 5):
            log.write("moment", 9, Step(number, "moment", 10.0 * first + number, 1.0, 0.5 if number % 2 else None))
        log.end("moment")
    assert told(tmp_path, "moment") == in_log(tmp_path, "moment")
    assert [step for name, step, _ in told(tmp_path, "moment") if name == "rate"] == [1, 2, 3, 4, 5, 6, 7]


def test_a_stage_that_makes_no_step_any_more_is_told_from_the_log(
    tracker: str, told: Callable[[Path, str], Points], tmp_path: Path
) -> None:
    """Finished before anybody asked for reports, or ended early when it was killed; the others stay as they are."""
    for log, stage in ((log_of(tmp_path), "pretraining"), (log_of(tmp_path, tracker), "moment")):
        for number in (1, 2):
            log.write(stage, 2, Step(number, "vsm", 3.0 - number, 1.0))
        log.end(stage)
    again = log_of(tmp_path, tracker)
    again.end("pretraining")
    assert told(tmp_path, "pretraining") == [
        ("loss/vsm", 1, 2.0), ("loss/vsm", 2, 1.0), ("rate", 1, 1.0), ("rate", 2, 1.0),
    ]  # fmt: skip
    assert told(tmp_path, "moment") == in_log(tmp_path, "moment")


def test_a_loss_on_val_that_is_no_number_is_left_out(
    tracker: str, told: Callable[[Path, str], Points], tmp_path: Path
) -> None:
    log = log_of(tmp_path, tracker)
    log.write("qa", 1, Step(1, "qa", 3.0, 1.0, float("nan")))
    log.end("qa")
    assert told(tmp_path, "qa") == [("loss/qa", 1, 3.0), ("rate", 1, 1.0)]


class Refusing:
    """A tracker that does not begin."""

    def begin(self, stage: str, rows: Any) -> None:
        raise InputError("no account")

    def write(self, row: Any) -> None:
        raise AssertionError

    end = write


def test_a_tracker_that_does_not_begin_is_not_ended(tmp_path: Path) -> None:
    tracker: Tracker = Refusing()  # type: ignore[assignment]
    log = RunLog(tmp_path / "log.jsonl", [tracker])
    with pytest.raises(InputError, match="no account"):
        log.write("qa", 1, Step(1, "qa", 3.0, 1.0))
    log.end("qa")


def test_wandb_says_why_it_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(WANDB, reason="the package wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "sideways")
    with pytest.raises(InputError, match=r"--report wandb: .*sideways"):
        log_of(tmp_path, WANDB).end("qa")


@pytest.mark.slow
def test_a_killed_run_is_told_each_step_once(
    tracker: str, told: Callable[[Path, str], Points], release: Path, tmp_path: Path
) -> None:
    """kill -9 in moment retrieval, two steps after a checkpoint or later."""
    out = tmp_path / "out"
    arguments = train(release, out, "--report", tracker, "--set=moment.steps=200", "--save-seconds", "0")
    command = [sys.executable, "-m", "hero_model", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not any((row.stage, row.step) == ("moment", 5) for row in RunLog(out / "log.jsonl").rows()):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=True).returncode == 0
    for stage in STAGES:
        assert told(out, stage) == in_log(out, stage)
    assert [step for name, step, _ in told(out, "moment") if name == "rate"] == list(range(1, 201))


@pytest.mark.slow
def test_of_two_processes_one_tells(release: Path, tmp_path: Path) -> None:
    pytest.importorskip(TENSORBOARD, reason="the package tensorboard is not installed")
    out = tmp_path / "out"
    shared = [f"--set={stage}.accumulate=2" for stage in STAGES]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = train(release, out, "--report", TENSORBOARD, *shared)
    subprocess.run([*launcher, "-m", "hero_model", *arguments], stdout=subprocess.DEVNULL, check=True)
    for stage in STAGES:
        assert in_events(out, stage) == in_log(out, stage) != []
        assert len(list((out / TENSORBOARD / stage).iterdir())) == 1
