"""The training loop: AdamW with two learning rates, linear warm-up and decay, and checkpoints on the way."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from hero_model.checkpoints.resume import BestOnVal, load_checkpoint, save_checkpoint
from hero_model.data.batches import MatchBatch
from hero_model.data.prefetch import Batch, ahead
from hero_model.data.schedule import BatchSchedule
from hero_model.errors import InputError
from hero_model.models.hero import HeroPreTrainedModel
from hero_model.presets import Preset, StageConfig
from hero_model.training.processes import Processes

Report = Callable[["Step"], None]


@dataclass(frozen=True)
class Step:
    """What one step did, for reports."""

    number: int  # steps done
    task: str
    loss: float  # mean over the step's batches
    rate: float  # share of the learning rates
    val_loss: float | None = None


@dataclass(frozen=True)
class Machine:
    """What a stage is computed on and how."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    bf16: bool = False
    processes: Processes = field(default_factory=Processes)
    save_seconds: float = 60.0  # between checkpoints

    def autocast(self) -> AbstractContextManager[None]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)


@dataclass(frozen=True)
class Validation:
    """Batches of val: the first `count` of a schedule."""

    batches: BatchSchedule
    count: int

    @torch.no_grad()
    def loss(self, model: HeroPreTrainedModel, machine: Machine) -> float:
        """Mean over the batches, without dropout."""
        model.eval()
        total = 0.0
        for number in machine.processes.share(self.count):
            with machine.autocast():
                total += float(step_loss(model, self.batches(number).to(machine.device), False))
        model.train()
        return machine.processes.total(total, machine.device) / self.count


def parameter_groups(model: nn.Module, stage: StageConfig, preset: Preset) -> list[dict]:
    """Encoder and heads by their learning rates; no decay of biases and normalisation weights."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith(preset.encoder_parts), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": stage.encoder_learning_rate if is_encoder else stage.learning_rate,
            "weight_decay": preset.weight_decay if decays else 0.0,
        }
        for (is_encoder, decays), parameters in groups.items()
    ]


def rate_factor(step: int, stage: StageConfig) -> float:
    """Share of the learning rate at a step: linear warm-up, then linear decay to zero."""
    warmup = max(1, round(stage.warmup * stage.steps))
    return min((step + 1) / warmup, (stage.steps - step) / max(1, stage.steps - warmup))


def train_stage(
    model: HeroPreTrainedModel,
    batches: BatchSchedule,
    stage: StageConfig,
    preset: Preset,
    checkpoint: Path,
    seed: int,
    report: Report,
    machine: Machine | None = None,
    validation: Validation | None = None,
) -> int:
    """Train in place; goes on from `checkpoint` where there is one. With validation the best weights are left. Returns
    the step whose weights are left.

    Every batch seeds its own dropout, so that an interrupted run ends with the numbers of an unbroken one. The
    caller removes the checkpoint when the result is safe. Raises InputError for a checkpoint that is damaged, and where
    a loss is not finite.
    """
    machine = machine or Machine()
    model.to(machine.device)  # type: ignore[arg-type]
    if preset.freeze_words:
        model.get_parameter("hero.text_embedder.words.weight").requires_grad_(False)
    optimizer = torch.optim.AdamW(parameter_groups(model, stage, preset), betas=(0.9, 0.98), eps=1e-6)
    rates = [group["lr"] for group in optimizer.param_groups]
    best = BestOnVal()
    first = load_checkpoint(checkpoint, model, optimizer, stage.steps, best)
    saved = time.monotonic()
    made = first
    model.train()
    share = machine.processes.share(stage.accumulate)
    numbers = (step * stage.accumulate + part for step in range(first, stage.steps) for part in share)
    coming = ahead(batches, numbers, machine.device)
    for step in range(first, stage.steps):
        if stage.patience and best.waited >= stage.patience:
            break
        rate = rate_factor(step, stage)
        for group, full in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = full * rate
        task, loss = _gradients(model, coming, step, stage, seed, machine)
        if not math.isfinite(loss):
            raise InputError(f"step {step + 1}: the loss of {task} is {loss}; a smaller learning rate may help")
        nn.utils.clip_grad_norm_(model.parameters(), preset.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        made = step + 1
        val_loss = None
        if validation is not None and (step + 1) % stage.validate_every == 0:
            val_loss = validation.loss(model, machine)
            best.see(val_loss, step + 1, model)
        report(Step(step + 1, task, loss, rate, val_loss))
        due = time.monotonic() - saved >= machine.save_seconds
        if machine.processes.leads and due and step + 1 < stage.steps:
            save_checkpoint(checkpoint, model, optimizer, step + 1, best)
            saved = time.monotonic()
    coming.close()
    if best.weights:
        model.load_state_dict(best.weights)
        made = best.step
    model.eval()
    return made


def _gradients(
    model: HeroPreTrainedModel, coming: Iterator[Batch], step: int, stage: StageConfig, seed: int, machine: Machine
) -> tuple[str, float]:
    """Leaves the mean gradient of the step's batches in the model; the objective and the mean loss."""
    task, total = "", 0.0
    for part in machine.processes.share(stage.accumulate):
        batch = next(coming)
        torch.manual_seed(seed * 1_000_003 + step * stage.accumulate + part)
        hard = stage.hard_negatives_from is not None and step >= stage.hard_negatives_from
        with machine.autocast():
            loss = step_loss(model, batch, hard)
        (loss / stage.accumulate).backward()
        task, total = batch.task, total + float(loss.detach())
    machine.processes.add_gradients([p for p in model.parameters() if p.requires_grad])
    return task, machine.processes.total(total, machine.device) / stage.accumulate


def step_loss(model: HeroPreTrainedModel, batch: Batch, hard_negatives: bool) -> Tensor:
    """Hard negatives are a matter of matching alone; the other objectives have none."""
    if isinstance(batch, MatchBatch):
        return model(batch, hard_negatives=hard_negatives).loss
    return model(batch).loss
