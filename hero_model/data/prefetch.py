"""Batches made while the model works on the one before: a GPU does not wait for the processor that collates."""

from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from hero_model.data.batches import PretrainingBatch, QuestionBatch
from hero_model.data.schedule import BatchSchedule

Batch = PretrainingBatch | QuestionBatch

_AHEAD = 2


def ahead(batches: BatchSchedule, numbers: Sequence[int], device: torch.device) -> Generator[Batch]:
    """The batches of these numbers in their order, on the device. Raises what `batches` raises, at that batch.

    One thread makes them, a few before they are asked for: a batch follows from its number alone, so that what is
    trained on is the same.
    """

    def made(number: int) -> Batch:
        return batches(number).to(device)

    with ThreadPoolExecutor(1, "batches") as maker:
        coming: list[Future[Batch]] = []
        try:
            for place in range(len(numbers)):
                while len(coming) <= _AHEAD and place + len(coming) < len(numbers):
                    coming.append(maker.submit(made, numbers[place + len(coming)]))
                yield coming.pop(0).result()
        finally:
            for waiting in coming:
                waiting.cancel()
