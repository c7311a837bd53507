"""Paths that a user gives, looked at before the work begins; what is written appears whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from adversarial.data.errors import ItemError, reason


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
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file to fill; a reader, or a crash, sees the whole of it under ``path`` or nothing.

    Raises ItemError naming ``path`` where it cannot be written.
    """
    place = writable(path)
    try:
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:50]}.")
        try:
            with os.fdopen(handle, "wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            os.chmod(name, 0o644)
            os.replace(name, place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ItemError(f"{path}: cannot be written: {reason(error)}") from error


def write_atomic(path: Path, chunks: Iterable[str]) -> None:
    """Write a text file, whole or not at all."""
    with atomic_file(path) as out:
        out.writelines(chunk.encode() for chunk in chunks)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder beside ``path`` to fill; it takes the place of ``path`` when the block ends well, else it vanishes."""
    unfinished = path.with_name(path.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        yield unfinished
        shutil.rmtree(path, ignore_errors=True)
        unfinished.rename(path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises over links in a circle
