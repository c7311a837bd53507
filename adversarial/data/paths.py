"""Paths that a user gives, looked at before the work begins, and written to."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from adversarial.data.errors import ItemError
from evaluation.io.atomic import atomic_file
from evaluation.io.errors import reason


def check_paths(source: Path, targets: Sequence[Path]) -> None:
    """Raises ItemError unless ``source`` can be read, and all ``targets`` written without touching one another."""
    if source.is_dir():
        raise ItemError(f"{source}: is a folder, expected a file with one question a line")
    if not source.exists():
        raise ItemError(f"{source}: no such file, expected one with one question a line")
    if not os.access(source, os.R_OK):
        raise ItemError(f"{source}: may not be read")
    taken = {_real(source): "the input"}
    for target in targets:
        place = writable(target)
        if place in taken:
            raise ItemError(f"{target}: is {taken[place]} as well, name another file to write")
        taken[place] = "another output"


def writable(path: Path) -> Path:
    """Where a file written to ``path`` lies, links followed; raises ItemError where no regular file can."""
    place = _real(path)
    if place.is_dir():
        raise ItemError(f"{path}: is a folder, expected the name of a file to write")
    if os.path.lexists(place) and not place.is_file():
        raise ItemError(f"{path}: is a device, a pipe or the like, expected the name of a file to write")
    if not place.parent.is_dir():
        raise ItemError(f"{path}: {place.parent} is no folder, make it first")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise ItemError(f"{path}: nothing may be written in {place.parent}")
    return place


@contextmanager
def output_file(path: Path) -> Iterator[Path]:
    """A temporary path to write; it becomes the file that ``path`` names, links followed, or vanishes.

    Raises ItemError naming ``path`` where that cannot be written.
    """
    place = writable(path)
    try:
        with atomic_file(place) as temporary:
            yield temporary
    except OSError as error:
        raise ItemError(f"{path}: cannot be written: {reason(error)}") from error


def write_output(path: Path, parts: Iterable[bytes]) -> None:
    """Write the parts, whole or not at all; raises ItemError as output_file does."""
    with output_file(path) as temporary, temporary.open("wb") as out:
        out.writelines(parts)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises over links in a circle
