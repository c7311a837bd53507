"""Batches that are made ahead are those that were asked for, in their order."""

import itertools
import threading
from dataclasses import dataclass

import pytest
import torch

from hero_model.data.batches import TensorDataclass
from hero_model.data.prefetch import ahead

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Numbered(TensorDataclass):
    number: torch.Tensor


def test_each_number_once_in_its_order() -> None:
    made: list[int] = []

    def batches(number: int) -> Numbered:
        made.append(number)
        return Numbered(torch.tensor(number))

    found = [int(batch.number) for batch in ahead(batches, [5, 3, 9, 9, 0], CPU)]  # type: ignore[arg-type, attr-defined]
    assert found == made == [5, 3, 9, 9, 0]
    assert list(ahead(batches, [], CPU)) == []  # type: ignore[arg-type]


def test_numbers_are_taken_as_they_are_needed() -> None:
    """A run of ten million steps does not list them first."""
    coming = ahead(lambda number: Numbered(torch.tensor(number)), itertools.count(4), CPU)  # type: ignore[arg-type, return-value]
    assert [int(next(coming).number) for _ in range(3)] == [4, 5, 6]  # type: ignore[attr-defined]
    coming.close()


def test_an_error_comes_at_its_batch_and_no_further_is_made_after_the_end() -> None:
    made: list[int] = []

    def batches(number: int) -> Numbered:
        made.append(number)
        if number == 2:
            raise ValueError("clip 2 has no frames")
        return Numbered(torch.tensor(number))

    coming = ahead(batches, range(100), CPU)  # type: ignore[arg-type]
    assert [int(next(coming).number) for _ in range(2)] == [0, 1]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="clip 2"):
        next(coming)
    assert len(made) < 10
    threads = threading.active_count()
    coming = ahead(batches, range(3, 100), CPU)  # type: ignore[arg-type]
    next(coming)
    coming.close()
    assert threading.active_count() == threads
    assert len(made) < 20
