"""Opening a release directory; what is wrong with it is told as an InputError."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluation.release import MANIFEST, Release, ReleaseError
from hero_model.errors import InputError


def open_release(path: Path) -> Release:
    """Raises InputError."""
    if path.is_dir() and not (path / MANIFEST).exists():
        raise InputError(
            f"{path}: no {MANIFEST} in it, expected a release; `python -m evaluation gather` makes one of annotations "
            "and features"
        )
    with reading_release():
        return Release.open(path)


@contextmanager
def reading_release() -> Iterator[None]:
    """A ReleaseError, which names its place already, becomes an InputError."""
    try:
        yield
    except ReleaseError as error:
        raise InputError(str(error)) from error
