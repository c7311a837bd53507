"""Several processes that train one model: they share a step's batches and add up the gradients.

`torchrun --nproc-per-node 2 -m hero_model train …` starts them. A step has `accumulate` batches, whoever computes them,
so that the same run can go on with another number of processes. The gradients are added here and not by torch's
DistributedDataParallel, which asks for the same parameters in every step: each objective has heads of its own.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hero_model.errors import InputError


@dataclass(frozen=True)
class Processes:
    """This process's place among those of the run."""

    rank: int = 0
    count: int = 1

    @classmethod
    def joined(cls, device: torch.device) -> "Processes":
        """Those that torchrun started, this one alone without it."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, batches: int) -> range:
        """Which of a step's batches are this process's."""
        return range(self.rank, batches, self.count)

    def check(self, accumulate: int, stage: str) -> None:
        """Raises InputError unless a step's batches can be shared out evenly."""
        if accumulate % self.count:
            raise InputError(
                f"{stage}.accumulate={accumulate}: {self.count} processes share a step's batches; expected a multiple "
                f"of {self.count} (--set {stage}.accumulate={self.count})"
            )

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            dist.barrier()

    def total(self, value: float, device: torch.device) -> float:
        """The sum over all processes."""
        if self.count == 1:
            return value
        summed = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(summed)
        return float(summed)

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give every process the sum of all gradients; a parameter that no batch has reached keeps none."""
        if self.count == 1:
            return
        device = parameters[0].device
        reached = torch.tensor([float(p.grad is not None) for p in parameters], device=device)
        dist.all_reduce(reached)
        trained = [p for p, times in zip(parameters, reached.tolist(), strict=True) if times]
        flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in trained])
        dist.all_reduce(flat)
        parts: Sequence[Tensor] = flat.split([p.numel() for p in trained])
        for parameter, part in zip(trained, parts, strict=True):
            parameter.grad = part.view_as(parameter)
