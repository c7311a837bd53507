"""Where a run of training goes on: weights, optimizer state and step, without pickle."""

import json
from pathlib import Path

import msgspec
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from evaluation.io.atomic import atomic_folder
from evaluation.io.errors import refusing
from hero_model.checkpoints.model_folder import check_state
from hero_model.errors import InputError


def save_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Weights and optimizer state as safetensors; the folder appears whole or not at all."""
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    moments = {
        f"{key}/{name}": value.contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }
    with atomic_folder(folder, replace=True) as unfinished:
        save_file(weights, unfinished / "model.safetensors")
        save_file(moments, unfinished / "optimizer.safetensors")
        (unfinished / "step.json").write_text(json.dumps({"step": step}))


def load_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> int:
    """The step to go on with; 0 where there is no checkpoint. Raises InputError for a damaged one."""
    if not folder.exists():
        return 0
    try:
        return _read_checkpoint(folder, model, optimizer, steps)
    except InputError as error:
        raise InputError(f"{error}; remove {folder} and the stage begins anew") from error


def _read_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> int:
    found = {}
    for name in ("model.safetensors", "optimizer.safetensors"):
        with refusing(f"{folder / name}: damaged", InputError):
            found[name] = load_file(folder / name)
    parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}
    moments: dict[str, Tensor] = {}
    for name, parameter in parameters.items():  # one that no step has reached yet has no state
        own = {f"exp_avg/{name}": parameter, f"exp_avg_sq/{name}": parameter, f"step/{name}": torch.tensor(0.0)}
        if own.keys() & found["optimizer.safetensors"].keys():
            moments |= own
    for name, expected in (("model.safetensors", model.state_dict()), ("optimizer.safetensors", moments)):
        check_state(found[name], expected, str(folder / name))
    with refusing(f"{folder / 'step.json'}: damaged", InputError):
        step = msgspec.json.decode((folder / "step.json").read_bytes(), type=dict[str, int])["step"]
    if not 0 < step < steps:
        raise InputError(f"{folder / 'step.json'}: step is {step}, expected 1..{steps - 1}")
    model.load_state_dict(found["model.safetensors"])
    for key, value in found["optimizer.safetensors"].items():
        kind, name = key.split("/", 1)
        optimizer.state[parameters[name]][kind] = value
    return step
