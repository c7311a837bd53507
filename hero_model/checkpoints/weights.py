"""Whether tensors by name are those that a model wants."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hero_model.errors import InputError


def check_state(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], where: str) -> None:
    """Raises InputError that names the key unless `found` has the names and shapes of `expected`, all finite."""
    lacking, beyond = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if lacking or beyond:
        raise InputError(f"{where}: lacks {lacking[0]}" if lacking else f"{where}: {beyond[0]} is not expected")
    for name, value in found.items():
        if value.shape != expected[name].shape:
            raise InputError(f"{where}: {name} has shape {list(value.shape)}, expected {list(expected[name].shape)}")
    check_finite(found, where)


def check_finite(weights: Mapping[str, Tensor], where: str) -> None:
    """Raises InputError that names a weight with a value that is not finite."""
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise InputError(f"{where}: {name} holds values that are not finite")
