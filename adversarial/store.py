"""Arrays kept on disk between steps, so that work that was killed goes on where it stood."""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


class Store:
    """Named groups of arrays in a folder; a group is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def remember(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """What ``compute`` gave the first time, read from disk from then on."""
        path = self._folder / f"{name}.npz"
        if path.exists():
            with np.load(path, allow_pickle=False) as kept:
                return {key: kept[key] for key in kept.files}
        arrays = compute()
        half = path.with_suffix(f".{os.getpid()}.part")
        with half.open("wb") as out:
            np.savez(out, **arrays)  # type: ignore[arg-type]
            out.flush()
            os.fsync(out.fileno())
        half.replace(path)
        return arrays

    def clear(self) -> None:
        """Forget everything: the result stands elsewhere now."""
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()


class Memory:
    """The steps of this process alone; ``keep`` names the steps worth their memory."""

    def __init__(self, keep: Collection[str] = ()) -> None:
        self._keep = keep
        self._kept: dict[str, Arrays] = {}

    def remember(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        if name in self._kept:
            return self._kept[name]
        arrays = compute()
        if name in self._keep:
            self._kept[name] = arrays
        return arrays
