"""Arrays kept on disk between steps, so that work that was killed goes on where it stood."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adversarial.data.errors import ItemError
from adversarial.data.paths import output_file
from evaluation.io.errors import refusing

Arrays = dict[str, NDArray[Any]]


class StepCache:
    """Named groups of arrays in a folder; a group is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def remember(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """What ``compute`` gave the first time, read from disk from then on.

        Raises ItemError, naming the file, where it cannot be written or what lies there was not written here.
        """
        path = self._folder / f"{name}.npz"
        if path.exists():
            with refusing(f"{path}: broken, delete it", ItemError), np.load(path, allow_pickle=False) as kept:
                return {key: kept[key] for key in kept.files}
        arrays = compute()
        with output_file(path) as temporary, temporary.open("wb") as out:  # numpy would add a suffix to a path
            np.savez(out, **arrays)  # type: ignore[arg-type]
        return arrays

    def clear(self) -> None:
        """Forget everything: the result stands elsewhere now."""
        for path in self._folder.iterdir():
            path.unlink()
        self._folder.rmdir()


class MemoryStepCache:
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
