"""Numba with a cache that always works: beside the package, else in a folder only this user can write.

Numba refuses to cache where it finds no writable place, and would then compile for seconds in every process. Its
cache holds pickles, so a fallback folder that another user could write into is never accepted.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def _private_folder() -> Path:
    """A cache folder owned by this user with mode 700; a new temporary one where no stable one can be had."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    for folder in (
        Path(cache_home) / "hero-bench-numba",
        Path(tempfile.gettempdir()) / f"hero-bench-numba-{os.getuid()}",
    ):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.lstat()
        except OSError:
            continue
        if status.st_uid == os.getuid() and not status.st_mode & 0o022 and os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="hero-bench-numba-"))


if "NUMBA_CACHE_DIR" not in os.environ and not os.access(Path(__file__).parent, os.W_OK):
    os.environ["NUMBA_CACHE_DIR"] = str(_private_folder())

import numba  # noqa: E402  (it reads the environment when it is imported)


def compiled(function: Function) -> Function:
    """Compile on first call, keep the machine code; IEEE arithmetic (no fastmath), no Python objects inside."""
    machine: Function = numba.njit(cache=True, nogil=True)(function)
    return machine
