"""Feature files: safetensors files of vectors, [frames, size] a clip, checked where they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import safe_open

from evaluation.io.errors import refusing
from evaluation.release import Release
from evaluation.release.features import rate_fault, vectors_fault
from hero_model.data.release import reading_release
from hero_model.errors import InputError
from hero_model.paths import check_input_file

FLOATS = ("F16", "BF16", "F32", "F64")  # as safetensors calls them


@dataclass(frozen=True)
class FeatureFile:
    """A file of vectors, one per frame, read clip by clip: a feature file, or an index of `encode`.

    Of a large set it is the first of several, `shards`, which hold its names together.
    """

    path: Path
    interval: float
    size: int
    names: list[str]
    shards: tuple["FeatureFile", ...] = ()

    @classmethod
    def of_release(cls, release: Release, name: str | None) -> "FeatureFile":
        """The feature set `name`, or the only one there is. Raises InputError."""
        with reading_release():
            files = release.feature_files()
        if name is None and len(files) != 1:
            raise InputError(f"{release.root}: {len(files)} feature sets, name one of: {', '.join(files) or 'none'}")
        chosen = name if name is not None else next(iter(files))
        if chosen not in files:
            raise InputError(f"{release.root}: no feature set {chosen!r}, there are: {', '.join(files) or 'none'}")
        with reading_release():
            paths = [release.verified(entry) for entry in files[chosen]]
        opened = [cls.open(path) for path in paths]
        return opened[0] if len(opened) == 1 else _joined(opened)

    @classmethod
    def open(cls, path: Path, expected: str = "a feature file, as `features` writes them") -> "FeatureFile":
        """Raises InputError where the file is none of ours."""
        check_input_file(path, expected)
        with refusing(f"{path}: not a readable safetensors file", InputError), safe_open(path, "pt") as file:
            metadata, names = file.metadata() or {}, sorted(file.keys())
        if not names:
            raise InputError(f"{path}: holds nothing, expected {expected}")
        try:
            interval, size = float(metadata["interval_s"]), int(metadata["dim"])
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}: metadata must hold interval_s and dim, got {metadata}") from error
        if not (0 < interval < float("inf") and size > 0):
            raise InputError(f"{path}: interval_s and dim must be above 0, got {interval} and {size}")
        return cls(path, interval, size, names)

    def check(self, size: int, interval: float, expecting: str = "the model expects") -> None:
        """Raises InputError where the vectors are not those a model expects."""
        if self.size != size:
            raise InputError(f"{self.path}: its vectors have {self.size} numbers, {expecting} {size}")
        if self.interval != interval:
            raise InputError(f"{self.path}: one frame per {self.interval:g} s, {expecting} {interval:g} s")

    def read(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """{name: float32 [frames, size]}. Raises InputError for a clip that is missing or has another form."""
        if self.shards:
            return self._read_shards(names)
        known, found = set(self.names), {}
        with safe_open(self.path, "pt") as file:
            for name in names:
                where = f"{self.path}: clip {name!r}"
                if name not in known:
                    raise InputError(f"{where}: not in it")
                kind = file.get_slice(name).get_dtype()
                if kind not in FLOATS:
                    raise InputError(f"{where}: numbers of type {kind}, expected one of {', '.join(FLOATS)}")
                found[name] = check_features(file.get_tensor(name).float().numpy(), self.size, where)
        return found

    def _read_shards(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        place = {name: shard for shard in self.shards for name in shard.names}
        if unknown := [name for name in names if name not in place]:
            raise InputError(f"{self.path}: clip {unknown[0]!r}: neither in it nor in the files that follow")
        found: dict[str, np.ndarray] = {}
        for shard in self.shards:
            found |= shard.read([name for name in names if place[name] is shard])
        return {name: found[name] for name in names}


def _joined(shards: Sequence[FeatureFile]) -> FeatureFile:
    """Raises InputError where they are not of one set."""
    first = shards[0]
    for shard in shards:
        shard.check(first.size, first.interval, f"{first.path} has")
    return replace(first, names=sorted(name for shard in shards for name in shard.names), shards=tuple(shards))


def check_rate(arrays: Mapping[str, np.ndarray], durations: Mapping[str, float], interval: float, where: str) -> None:
    """Raises InputError, naming the first clip, where the frames are not as many as its seconds want."""
    faults = [(name, rate_fault(len(array), interval, durations[name])) for name, array in arrays.items()]
    if wrong := [(name, fault) for name, fault in faults if fault]:
        name, fault = wrong[0]
        raise InputError(f"{where}: {len(wrong)} of {len(faults)} clips, first {name!r}: {fault}; is interval_s right?")


def check_features(features: object, size: int, where: str) -> np.ndarray:
    """float32 [frames, size], at least one frame, each number finite and of a usual size; all else is an InputError."""
    with refusing(f"{where}: no array of numbers", InputError), np.errstate(over="ignore"):
        array = np.asarray(features, np.float32)
    if array.ndim != 2 or array.shape[1] != size or not len(array):
        raise InputError(f"{where}: has shape {list(array.shape)}, expected [frames, {size}]")
    if fault := vectors_fault(array):
        raise InputError(f"{where}: {fault}")
    return np.ascontiguousarray(array)
