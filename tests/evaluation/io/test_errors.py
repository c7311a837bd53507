"""Refusals: one line that begins with the place and says why."""

from pathlib import Path

import pytest

from adversarial.data.errors import ItemError
from evaluation import PredictionError, ReleaseError
from evaluation.io.errors import Refusal, opening, refusing
from hero_model.errors import InputError


class OwnError(Refusal):
    pass


@pytest.mark.parametrize("kind", [ItemError, InputError, PredictionError, ReleaseError])
def test_every_core_refuses_by_the_same_base(kind: type[Exception]) -> None:
    assert issubclass(kind, Refusal)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (KeyError("step"), "file: damaged: lacks 'step'"),
        (FileNotFoundError(2, "No such file or directory", "f"), "file: damaged: No such file or directory"),
        (RuntimeError("two\n  lines"), "file: damaged: two lines"),
        (RuntimeError(), "file: damaged: RuntimeError"),
        (ReleaseError("of somebody else"), "file: damaged: of somebody else"),
        (OwnError("says its place itself"), "says its place itself"),
    ],
)
def test_what_a_library_raises_becomes_one_line(raised: Exception, expected: str) -> None:
    with pytest.raises(OwnError) as refused, refusing("file: damaged", OwnError):
        raise raised
    assert str(refused.value) == expected


def test_only_what_the_system_refuses_becomes_a_refusal_of_a_path() -> None:
    with pytest.raises(OwnError, match=r"^a/b: No space left on device$"), opening(Path("a/b"), OwnError):
        raise OSError(28, "No space left on device")
    with pytest.raises(KeyError), opening(Path("a/b"), OwnError):
        raise KeyError("x")
