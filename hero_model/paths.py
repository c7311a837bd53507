"""Paths that a user gives, looked at before the work begins."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluation.io.errors import refusing
from hero_model.errors import InputError


def check_input_file(path: Path, expected: str) -> None:
    """Raises InputError unless `path` is a file that can be read; `expected` says what should lie there."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected {expected}")
    if not path.exists():
        raise InputError(f"{path}: no such file, expected {expected}")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read, expected {expected}")


def check_output_file(path: Path) -> None:
    """Raises InputError unless a file can be written at `path`."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected the name of a file to write")
    _check_parent(path)


def check_new_folder(path: Path) -> None:
    """Raises InputError unless a new folder can be made at `path`."""
    if path.exists():
        raise InputError(f"{path}: exists already; give a new folder")
    _check_parent(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Whatever keeps `path` from being written, a full disk among it, becomes an InputError that names it.

    Libraries tell of it by errors of their own, which are no OSError.
    """
    with refusing(f"{path}: cannot be written", InputError):
        yield


def _check_parent(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"{path}: {folder} is no folder; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{path}: nothing may be written in {folder}")
