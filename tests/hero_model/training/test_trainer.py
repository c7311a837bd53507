"""The loop: batches of one step, processes that share them, validation, precision, and what cannot be trained."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.multiprocessing

from hero_model.checkpoints.resume import BestOnVal, load_checkpoint, save_checkpoint
from hero_model.data.schedule import BatchSchedule, ClipPool, pretraining_batches
from hero_model.device import pick_device
from hero_model.errors import InputError
from hero_model.models.pretraining import HeroForPretraining
from hero_model.presets import PRESETS, StageConfig
from hero_model.training.processes import Processes
from hero_model.training.trainer import Machine, Step, Validation, rate_factor, train_stage
from tests.hero_model.tiny_world import tiny_clips, tiny_config

STAGE = StageConfig(steps=3, clips=4, per_clip=1, learning_rate=1e-3, encoder_learning_rate=1e-3, accumulate=2)
PRESET = replace(PRESETS["tiny"], freeze_words=False, pretraining=STAGE, task_ratio={"mlm": 1, "mnce": 1, "vsm": 1})


def tiny_batches(preset: Any = PRESET) -> BatchSchedule:
    return pretraining_batches([ClipPool(tiny_clips(8, 1))], tiny_config(), preset, seed=0)


def trained(folder: Path, machine: Machine | None = None, stage: StageConfig = STAGE) -> dict[str, torch.Tensor]:
    """Weights after the tiny stage, with dropout."""
    torch.manual_seed(0)
    model = HeroForPretraining(tiny_config(hidden_dropout_prob=0.1))
    preset = replace(PRESET, pretraining=stage)
    train_stage(model, tiny_batches(preset), stage, preset, folder / "checkpoint", 0, lambda step: None, machine)
    return model.state_dict()


class Place(torch.nn.Module):
    """One number; a batch says where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.place = torch.nn.Parameter(torch.zeros(1))

    def forward(self, batch: Target) -> Any:
        return SimpleNamespace(loss=(self.place - batch.goal).square().sum())


class Target:
    task = "target"

    def __init__(self, goal: float) -> None:
        self.goal = goal

    def to(self, device: torch.device) -> Target:
        return self


def test_a_step_follows_the_mean_gradient_of_its_batches(tmp_path: Path) -> None:
    """Squares around 1 and 5: their mean's gradient at 0 is -6, clipped to -1; the loss reported is 13."""
    model, told = Place(), []
    stage = replace(STAGE, steps=1)
    grads: list[float] = []
    model.place.register_hook(lambda grad: grads.append(float(grad)))
    train_stage(
        model,  # type: ignore[arg-type]
        lambda number: Target([1.0, 5.0][number]),
        stage,
        PRESET,
        tmp_path / "checkpoint",
        0,
        told.append,
    )
    assert grads == [-1.0, -5.0]  # halves of -2 and -10
    assert told == [Step(1, "target", 13.0, 1.0)]


def in_two_processes(rank: int, port: int, folder: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE="2")
    torch.set_num_threads(1)
    processes = Processes.joined(torch.device("cpu"))
    weights = trained(Path(folder), Machine(processes=processes))
    torch.save(weights, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_end_with_one_processs_weights(tmp_path: Path) -> None:
    """Over gloo; heads that a step does not reach stay as they are in both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(in_two_processes, (port, str(tmp_path)), nprocs=2)
    alone = trained(tmp_path)
    for rank in (0, 1):
        theirs = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, value in alone.items():
            torch.testing.assert_close(theirs[name], value, rtol=1e-5, atol=1e-7, msg=lambda m, n=name: f"{n}: {m}")


def test_processes_that_do_not_divide_a_steps_batches_are_refused() -> None:
    Processes(0, 2).check(4, "moment")
    with pytest.raises(InputError, match=r"moment.accumulate=3: 2 processes .* multiple of 2"):
        Processes(0, 2).check(3, "moment")
    assert [list(Processes(rank, 2).share(5)) for rank in (0, 1)] == [[0, 2, 4], [1, 3]]


class Cut(Exception):
    pass


@pytest.mark.parametrize("cut", [None, 7])
@pytest.mark.parametrize(("patience", "last"), [(0, 20), (2, 16)])
def test_the_best_weights_on_val_are_left_and_the_stage_may_end_early(
    patience: int, last: int, cut: int | None, tmp_path: Path
) -> None:
    """Training goes from 0 towards 9 by 0.01 a step; val wants 0.075, so step 8 is the best of 4, 8, 12, ...

    Cut off after step 7 it goes on with what val has said.
    """
    stage = replace(STAGE, steps=20, learning_rate=1e-2, warmup=0.0, accumulate=1, validate_every=4, patience=patience)
    told: list[Step] = []

    def report(step: Step) -> None:
        told.append(step)
        if step.number == cut and len(told) == cut:
            raise Cut

    validation = Validation(lambda number: Target(0.075), 2)  # type: ignore[arg-type]
    arguments = (stage, PRESET, tmp_path / "checkpoint", 0, report, Machine(save_seconds=0), validation)
    model = Place()
    if cut is not None:
        with pytest.raises(Cut):
            train_stage(model, lambda number: Target(9.0), *arguments)  # type: ignore[arg-type]
        model = Place()
    kept = train_stage(model, lambda number: Target(9.0), *arguments)  # type: ignore[arg-type]
    losses = {step.number: step.val_loss for step in told if step.val_loss is not None}
    best = min(losses, key=lambda number: losses[number])
    assert best == kept == 8
    assert (float(model.place.detach()) - 0.075) ** 2 == pytest.approx(losses[best], rel=1e-3)
    assert told[-1].number == last
    assert all(step.rate == rate_factor(step.number - 1, stage) for step in told)


class Drawing(Place):
    """Keeps what dropout would draw, and whether it would."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[float] = []
        self.modes = ""

    def forward(self, batch: Target) -> Any:
        self.drawn.append(float(torch.rand(())))
        self.modes += "t" if self.training else "v"
        return super().forward(batch)


def test_every_batch_has_dropout_of_its_own_and_val_has_none(tmp_path: Path) -> None:
    stage = replace(STAGE, steps=3, accumulate=2, validate_every=1)

    def drawing(folder: str, seed: int) -> Drawing:
        model, val = Drawing(), Validation(lambda number: Target(1.0), 1)  # type: ignore[arg-type, return-value]
        machine = Machine(save_seconds=60)
        batches: Any = lambda number: Target(9.0)  # noqa: E731
        train_stage(model, batches, stage, PRESET, tmp_path / folder, seed, lambda step: None, machine, val)  # type: ignore[arg-type]
        return model

    model = drawing("a", 0)
    assert model.modes == "ttv" * 3
    assert not model.training
    trained = [value for value, mode in zip(model.drawn, model.modes, strict=True) if mode == "t"]
    assert len(set(trained)) == 6
    assert drawing("b", 0).drawn == model.drawn
    assert not set(drawing("c", 1).drawn) & set(model.drawn)


def test_what_val_said_is_in_the_checkpoint(tmp_path: Path) -> None:
    model = Place()
    optimizer = torch.optim.AdamW(model.parameters())
    best = BestOnVal()
    for loss, step in ((3.0, 1), (3.5, 2), (2.0, 3), (2.0, 4), (float("nan"), 5)):
        best.see(loss, step, model)
        with torch.no_grad():
            model.place += 1
    save_checkpoint(tmp_path / "c", model, optimizer, 5, best)
    again = BestOnVal()
    assert load_checkpoint(tmp_path / "c", Place(), optimizer, 9, again) == 5
    assert (again.loss, again.step, again.waited, float(again.weights["place"])) == (2.0, 3, 2, 2.0)
    (tmp_path / "c/best.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match=r"best\.safetensors: damaged"):
        load_checkpoint(tmp_path / "c", Place(), optimizer, 9, BestOnVal())


def test_checkpoints_come_by_time(tmp_path: Path) -> None:
    def found(seconds: float) -> list[bool]:
        there: list[bool] = []
        train_stage(
            Place(),  # type: ignore[arg-type]
            lambda number: Target(1.0),  # type: ignore[arg-type, return-value]
            STAGE,
            PRESET,
            tmp_path / f"{seconds}",
            0,
            lambda step: there.append((tmp_path / f"{seconds}").exists()),
            Machine(save_seconds=seconds),
        )
        return there

    assert found(0.0) == [False, True, True]
    assert found(60.0) == [False, False, False]


def test_bf16_is_near_fp32_and_not_it(tmp_path: Path) -> None:
    losses: dict[bool, list[float]] = {}
    for bf16 in (False, True):
        torch.manual_seed(0)
        model, losses[bf16] = HeroForPretraining(tiny_config()), []
        report = losses[bf16].append
        train_stage(
            model, tiny_batches(), STAGE, PRESET, tmp_path / "c", 0, lambda s, r=report: r(s.loss), Machine(bf16=bf16)
        )
        assert all(value.dtype == torch.float32 for value in model.state_dict().values())
    assert losses[True] != losses[False]
    assert losses[True] == pytest.approx(losses[False], rel=0.03)


def test_a_loss_that_is_no_number_ends_the_stage_by_name(tmp_path: Path) -> None:
    model = Place()
    with pytest.raises(InputError, match="step 2: the loss of target is nan"):
        train_stage(
            model,  # type: ignore[arg-type]
            lambda number: Target(float("nan") if number >= 2 else 1.0),  # type: ignore[arg-type, return-value]
            STAGE,
            PRESET,
            tmp_path / "checkpoint",
            0,
            lambda step: None,
        )
    assert bool(model.place.isfinite())


def test_the_device_is_a_gpu_where_there_is_one() -> None:
    there = torch.cuda.is_available()
    assert pick_device("auto", 0) == torch.device("cuda", 0) if there else pick_device("auto") == torch.device("cpu")
    assert pick_device("cpu").type == "cpu"
    if not there:
        with pytest.raises(InputError, match="--device cuda: torch sees no GPU here"):
            pick_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_cpus_losses(tmp_path: Path) -> None:
    losses: dict[str, list[float]] = {}
    for name in ("cpu", "cuda"):
        torch.manual_seed(0)
        model, losses[name] = HeroForPretraining(tiny_config()), []
        report = losses[name].append
        machine = Machine(pick_device(name), save_seconds=0)
        train_stage(model, tiny_batches(), STAGE, PRESET, tmp_path / name, 0, lambda s, r=report: r(s.loss), machine)
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=1e-3)
