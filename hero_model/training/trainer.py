"""The training loop: AdamW with two learning rates, linear warm-up and decay, and checkpoints on the way."""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from hero_model.checkpoints.resume import load_checkpoint, save_checkpoint
from hero_model.data.batches import MatchBatch, PretrainingBatch, QuestionBatch
from hero_model.data.schedule import BatchSchedule
from hero_model.models.hero import HeroPreTrainedModel
from hero_model.presets import Preset, StageConfig

Report = Callable[[int, float], None]  # (steps done, loss)


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
    save_every: int = 50,
) -> None:
    """Train in place; goes on from `checkpoint` where there is one and removes it at the end.

    Every step seeds its own dropout, so that an interrupted run ends with the numbers of an unbroken one.
    Raises InputError for a checkpoint that is damaged.
    """
    if preset.freeze_words:
        model.get_parameter("hero.text_embedder.words.weight").requires_grad_(False)
    optimizer = torch.optim.AdamW(parameter_groups(model, stage, preset), betas=(0.9, 0.98), eps=1e-6)
    rates = [group["lr"] for group in optimizer.param_groups]
    first = load_checkpoint(checkpoint, model, optimizer, stage.steps)
    model.train()
    for step in range(first, stage.steps):
        torch.manual_seed(seed * 1_000_003 + step)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * rate_factor(step, stage)
        hard = stage.hard_negatives_from is not None and step >= stage.hard_negatives_from
        loss = step_loss(model, batches(step), hard)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), preset.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        report(step + 1, float(loss.detach()))
        if (step + 1) % save_every == 0 and step + 1 < stage.steps:
            save_checkpoint(checkpoint, model, optimizer, step + 1)
    model.eval()
    shutil.rmtree(checkpoint, ignore_errors=True)


def step_loss(model: HeroPreTrainedModel, batch: PretrainingBatch | QuestionBatch, hard_negatives: bool) -> Tensor:
    """Hard negatives are a matter of matching alone; the other objectives have none."""
    if isinstance(batch, MatchBatch):
        return model(batch, hard_negatives=hard_negatives).loss
    return model(batch).loss
