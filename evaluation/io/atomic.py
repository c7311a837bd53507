"""Files and folders appear whole or not at all: written beside their place, then moved there."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

_NAME_LETTERS = 50  # of the name in that of the temporary file, which may be no longer than the system allows


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path to write; it becomes `path` when the block ends well and vanishes when it does not.

    A link is replaced, not followed. Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:_NAME_LETTERS]}.")
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
    unfinished = path.with_name(path.name + ".part")
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
