"""The `features` of one video, as the authors pack them: an npz file, or a map of msgpack.

Nothing is unpickled, and no more is unpacked than the array's own header says, within MOST_BYTES.
"""

import re
import zipfile
from math import prod
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.lib import format as npy

from evaluation.io.errors import Refusal, refusing
from evaluation.predictions.file import check_zip_directory
from evaluation.release.features import Vectors, vectors_fault

KEY = "features"
MEMBER = f"{KEY}.npy"
MOST_BYTES = 1 << 28  # of an array: six hours of 4,352 numbers each 1.5 seconds
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes; others unpack without a limit
_FLOAT = re.compile(r"[<>=|]?f[248]", re.ASCII)


class ArrayFault(Refusal):
    """The features of one video cannot be used; the message says why, whoever catches it knows the video."""


def read_npz(file: BinaryIO) -> Vectors:
    """The array `features` of an npz file as float32 [frames, dim]; what else lies in it is passed over.

    Raises ArrayFault.
    """
    with refusing("is no npz file", ArrayFault):
        check_zip_directory(file)
        with zipfile.ZipFile(file) as archive:
            if MEMBER not in archive.namelist():
                raise ArrayFault(_lacking([name.removesuffix(".npy") for name in archive.namelist()]))
            if archive.getinfo(MEMBER).compress_type not in PLAIN:
                raise ArrayFault("is packed otherwise than numpy packs, expected stored or deflated members")
            with archive.open(MEMBER) as member:
                return _read_npy(member)


def read_msgpack(raw: bytes) -> Vectors:
    """The array `features` of a map that msgpack-numpy packed, as float32 [frames, dim]. Raises ArrayFault."""
    with refusing("is no map of msgpack", ArrayFault):
        dump = _by_text(msgspec.msgpack.decode(raw))
    if KEY not in dump:
        raise ArrayFault(_lacking(list(dump)))
    with refusing(f"{KEY} is no array of msgpack-numpy", ArrayFault):
        array = _by_text(dump[KEY])
        kind, data = _text(array["type"]), array["data"]
        shape = msgspec.convert(array["shape"], tuple[int, ...])
        if not (array["nd"] is True and isinstance(data, bytes)):
            raise ArrayFault(f"{KEY} is no array of msgpack-numpy")
        _check(shape, kind)
        dtype = np.dtype(kind)
        if len(data) != prod(shape) * dtype.itemsize:
            raise ArrayFault(f"{KEY} has {len(data)} bytes, expected those of {list(shape)} numbers {kind}")
        return _usable(np.frombuffer(data, dtype).reshape(shape))


def _read_npy(member: Any) -> Vectors:
    version = npy.read_magic(member)
    if version != (1, 0):  # the others are for names of columns, and let a header be gigabytes long
        raise ArrayFault(f"{KEY} is of version {version} of npy, expected (1, 0) as numpy writes plain arrays")
    shape, by_columns, dtype = npy.read_array_header_1_0(member)
    _check(shape, dtype.str)
    size = prod(shape) * dtype.itemsize
    raw = member.read(size + 1)  # to the end, where its checksum is compared
    if len(raw) != size:
        raise ArrayFault(f"{KEY} does not have the {size} bytes that its header says")
    return _usable(np.frombuffer(raw, dtype).reshape(shape, order="F" if by_columns else "C"))


def _check(shape: tuple[int, ...], kind: str) -> None:
    """Raises ArrayFault unless an array of this shape and kind of numbers, as numpy writes it, is looked at."""
    if not _FLOAT.fullmatch(kind):
        raise ArrayFault(f"{KEY} has values of kind {kind[:20]!r}, expected float16, float32 or float64")
    if len(shape) != 2 or min(shape) < 1:
        raise ArrayFault(f"{KEY} has shape {list(shape)[:9]}, expected [frames, dim]")
    if prod(shape) * np.dtype(kind).itemsize > MOST_BYTES:
        raise ArrayFault(f"{KEY} has shape {list(shape)}, more than {MOST_BYTES} bytes")


def _usable(array: np.ndarray) -> Vectors:
    with np.errstate(over="ignore"):
        vectors = np.ascontiguousarray(array, np.float32)
    if fault := vectors_fault(vectors):
        raise ArrayFault(f"{KEY} {fault}")
    return vectors


def _by_text(packed: object) -> dict[str, Any]:
    """A map whose keys are text, or the same as bytes. Raises TypeError where it is none."""
    if not isinstance(packed, dict):
        raise TypeError(f"expected a map, found {type(packed).__name__}")
    return {_text(key): value for key, value in packed.items()}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _lacking(names: list[str]) -> str:
    return f"holds {', '.join(map(repr, sorted(names)[:5])) or 'nothing'}, expected an array {KEY!r}"
