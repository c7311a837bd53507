"""Where a run of training goes on: weights, optimizer state, step and what val said, without pickle."""

from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from evaluation.io.atomic import atomic_folder
from evaluation.io.errors import refusing
from hero_model.checkpoints.weights import check_state
from hero_model.errors import InputError
from hero_model.paths import writing

MODEL, OPTIMIZER, BEST, STEP = "model.safetensors", "optimizer.safetensors", "best.safetensors", "step.json"


@dataclass
class BestOnVal:
    """The weights with the smallest loss on val so far."""

    loss: float = inf
    step: int = 0
    waited: int = 0  # validations since then
    weights: dict[str, Tensor] = field(default_factory=dict)

    def see(self, loss: float, step: int, model: nn.Module) -> None:
        """Keep the model's weights where the loss is the smallest so far; one that is not a number is not."""
        if loss < self.loss:
            self.loss, self.step, self.waited = loss, step, 0
            self.weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        else:
            self.waited += 1


class _Place(msgspec.Struct, omit_defaults=True):
    """What step.json holds."""

    step: int
    best_loss: float | None = None
    best_step: Annotated[int, Meta(ge=0)] = 0
    waited: Annotated[int, Meta(ge=0)] = 0


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, best: BestOnVal | None = None
) -> None:
    """Weights and optimizer state as safetensors; the folder appears whole or not at all.

    Raises InputError where it cannot be written.
    """
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    moments = {
        f"{key}/{name}": value.contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }
    place = _Place(step)
    with writing(folder), atomic_folder(folder, replace=True) as unfinished:
        save_file(weights, unfinished / MODEL)
        save_file(moments, unfinished / OPTIMIZER)
        if best is not None and best.weights:
            save_file(best.weights, unfinished / BEST)
            place = _Place(step, best.loss, best.step, best.waited)
        (unfinished / STEP).write_bytes(msgspec.json.encode(place))


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, best: BestOnVal | None = None
) -> int:
    """The step to go on with; 0 where there is no checkpoint. Raises InputError for a damaged one."""
    if not folder.exists():
        return 0
    try:
        return _read_checkpoint(folder, model, optimizer, steps, best)
    except InputError as error:
        raise InputError(f"{error}; remove {folder} and the stage begins anew") from error


def _read_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, best: BestOnVal | None
) -> int:
    with refusing(f"{folder / STEP}: damaged", InputError):
        place = msgspec.json.decode((folder / STEP).read_bytes(), type=_Place)
    if not 0 < place.step < steps:
        raise InputError(f"{folder / STEP}: step is {place.step}, expected 1..{steps - 1}")
    parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}
    weights, moments = _read(folder / MODEL), _read(folder / OPTIMIZER)
    expected: dict[str, Tensor] = {}
    for name, parameter in parameters.items():  # one that no step has reached yet has no state
        own = {f"exp_avg/{name}": parameter, f"exp_avg_sq/{name}": parameter, f"step/{name}": torch.tensor(0.0)}
        if own.keys() & moments.keys():
            expected |= own
    check_state(weights, model.state_dict(), str(folder / MODEL))
    check_state(moments, expected, str(folder / OPTIMIZER))
    if best is not None and place.best_loss is not None:
        best.weights = _read(folder / BEST)
        check_state(best.weights, model.state_dict(), str(folder / BEST))
        best.loss, best.step, best.waited = place.best_loss, place.best_step, place.waited
    model.load_state_dict(weights)
    for key, value in moments.items():
        kind, name = key.split("/", 1)
        own_device = "cpu" if kind == "step" else parameters[name].device  # AdamW counts its steps on the CPU
        optimizer.state[parameters[name]][kind] = value.to(own_device)
    return place.step


def _read(path: Path) -> dict[str, Tensor]:
    with refusing(f"{path}: damaged", InputError):
        return load_file(path)
