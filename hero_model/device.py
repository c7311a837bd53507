"""Where a model runs."""

import torch

from hero_model.errors import InputError

DEVICES = ("auto", "cpu", "cuda")


def pick_device(name: str, local_rank: int = 0) -> torch.device:
    """The device of that name; `auto` is a GPU where there is one. Raises InputError where `cuda` cannot be had.

    local_rank: this process's place among those of its machine, which share its GPUs.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise InputError("--device cuda: torch sees no GPU here; give cpu, or auto")
    return torch.device("cuda", local_rank) if there and name != "cpu" else torch.device("cpu")
