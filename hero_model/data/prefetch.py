"""Batches made while the model works on the one before: a GPU does not wait for the processor that collates."""

from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import torch

from hero_model.data.batches import PretrainingBatch, QuestionBatch
from hero_model.data.schedule import BatchSchedule

Batch = PretrainingBatch | QuestionBatch

_AHEAD = 2


def ahead(batches: BatchSchedule, numbers: Iterable[int], device: torch.device) -> Generator[Batch]:
    """The batches of these numbers in their order, on the device. Raises what `batches` raises, at that batch.

    One thread makes them, a few before they are asked for: a batch follows from its number alone, so that what is
    trained on is the same.
    """

    def made(number: int) -> Batch:
        return batches(number).to(device)

    left = iter(numbers)
    with ThreadPoolExecutor(1, "batches") as maker:
        coming: list[Future[Batch]] = []
        try:
            while True:
                coming += [maker.submit(made, number) for number in islice(left, _AHEAD + 1 - len(coming))]
                if not coming:
                    return
                yield coming.pop(0).result()
        finally:
            for waiting in coming:
                waiting.cancel()
