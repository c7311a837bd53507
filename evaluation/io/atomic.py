"""Files appear whole or not at all: written beside their place, then moved there."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path to write; it becomes `path` when the block ends well and vanishes when it does not."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def write_atomic(path: Path, parts: Iterable[bytes]) -> None:
    """Write the parts to `path`, or nothing at all."""
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        for part in parts:
            file.write(part)


def json_bytes(value: Any) -> bytes:
    """Indented JSON, one newline at the end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
