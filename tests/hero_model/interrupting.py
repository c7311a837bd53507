"""A training that is interrupted in the middle, as by Ctrl-C."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hero_model.training import trainer


@contextmanager
def interrupted_at(loss: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within the block the n-th loss of a training, counted from 1 over its stages, is not computed."""
    real, calls = trainer.step_loss, []

    def cut_off(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == loss:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "step_loss", cut_off)
        yield
