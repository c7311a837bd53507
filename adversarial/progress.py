"""How long work tells how far it is: ``progress(stage, share)`` with the stage's name and the share done, 0 to 1."""

from collections.abc import Callable
from functools import partial

Progress = Callable[[str, float], None]


def within(progress: Progress | None, name: str) -> Progress | None:
    """The progress of a step made of stages: they are told as ``name: stage``."""
    if progress is None:
        return None
    return lambda stage, share: progress(f"{name}: {stage}", share)


def of_stage(progress: Progress | None, stage: str) -> Callable[[float], None] | None:
    """The progress of one stage, which tells its share alone."""
    return partial(progress, stage) if progress else None
