"""Feature files whose bytes depend on their content alone.

`safetensors` writes metadata in the order of a hash map that differs from run to run, so the same features would
get another hash each time. Here the header is rewritten with sorted keys; any safetensors reader reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

_ALIGNMENT = 8
LARGEST_FEATURE = 1e6  # networks give numbers below a thousand; squares of far larger ones leave float32
Vectors = NDArray[np.float32]


def vectors_fault(vectors: Vectors) -> str:
    """Why no model could use these numbers; empty where one can."""
    if not np.isfinite(vectors).all():
        return "holds values that are not finite in float32"
    if np.abs(vectors).max() > LARGEST_FEATURE:
        return f"holds values beyond {LARGEST_FEATURE:g}"
    return ""


def rate_fault(frames: int, interval_s: float, duration: float) -> str:
    """Why so many frames, one each `interval_s` seconds, cannot be those of `duration` seconds; empty where they can.

    Rounding the number up or down is fine, and half a frame of slack: else every time that is told by them is wrong.
    """
    if abs(frames * interval_s - duration) <= 1.5 * interval_s:
        return ""
    return f"{frames} frames, one each {interval_s:g} s, make {frames * interval_s:g} s, but it lasts {duration:g} s"


def in_shards(tensors: Mapping[str, Vectors], limit: int) -> Iterator[dict[str, Vectors]]:
    """The tensors by name, in parts of at most `limit` bytes; one that is larger is a part of its own."""
    part: dict[str, Vectors] = {}
    size = 0
    for name in sorted(tensors):
        if part and size + tensors[name].nbytes > limit:
            yield part
            part, size = {}, 0
        part[name] = tensors[name]
        size += tensors[name].nbytes
    yield part


def save_features(path: Path, tensors: Mapping[str, Vectors], *, model: str, interval_s: float) -> None:
    """Write float32 [frames, dim] tensors with metadata `model`, `interval_s` (seconds) and `dim`."""
    dim = next(iter(tensors.values())).shape[1]
    blob = save({name: tensors[name] for name in sorted(tensors)})
    size = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + size])
    header["__metadata__"] = {"dim": str(dim), "interval_s": f"{interval_s:g}", "model": model}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with path.open("wb") as out:
        out.write(len(text).to_bytes(8, "little"))
        out.write(text)
        out.write(memoryview(blob)[8 + size :])
