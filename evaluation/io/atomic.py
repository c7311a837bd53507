"""Files and folders appear whole or not at all: written beside their place, then moved there."""

import glob
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

_NAME_LETTERS = 50  # of the name in that of the temporary file, which may be no longer than the system allows
_RANDOM_LETTERS = 8  # what tempfile draws
_UNFINISHED = ".part"


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path to write; it becomes `path` when the block ends well and vanishes when it does not.

    A link is replaced, not followed. Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path), suffix=_UNFINISHED)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())  # or a crash could leave the name without the content
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_leftovers(path: Path) -> None:
    """Delete what blocks of `atomic_file(path)` that were killed left behind; one at work fails. Raises OSError."""
    if path.parent.is_dir():
        for left in path.parent.glob(f"{glob.escape(_prefix(path))}{'?' * _RANDOM_LETTERS}{_UNFINISHED}"):
            left.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name[:_NAME_LETTERS]}."


def write_atomic(path: Path, parts: Iterable[bytes]) -> None:
    """Write the parts to `path`, or nothing at all. Raises OSError."""
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        file.writelines(parts)


@contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder beside `path` to fill; it becomes `path` when the block ends well and vanishes when it does not.

    What an earlier block left unfinished is deleted first; with `replace` so is what lies at `path`, at the end.
    Raises OSError.
    """
    unfinished = path.with_name(path.name + _UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if replace:
            shutil.rmtree(path, ignore_errors=True)
        unfinished.rename(path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def json_bytes(value: Any) -> bytes:
    """Indented JSON, one newline at the end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
