"""The features of a video are read as they were written, or refused with the reason; nothing hostile gets further."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from evaluation.raw.arrays import MEMBER, MOST_BYTES, ArrayFault, read_msgpack, read_npz

KINDS = st.sampled_from(["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"])
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=5)
USABLE = hnp.arrays(KINDS, SHAPES, elements={"min_value": -1000, "max_value": 1000})


def npz(array: NDArray[Any], *, packed: bool = True, **others: Any) -> bytes:
    out = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(out, features=array, **others)
    return out.getvalue()


def zipped(member: bytes, name: str = MEMBER, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        archive.writestr(name, member)
    return out.getvalue()


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    """A file of npy with this header."""
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
    return b"\x93NUMPY" + version + length + header.encode() + data


def told(descr: str, shape: str) -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


def map_of(array: NDArray[Any], **changed: Any) -> bytes:
    """As msgpack-numpy packs it, with use_bin_type as the authors do."""
    parts: dict[str, Any] = {"nd": True, "type": array.dtype.str, "kind": b"", "shape": array.shape}
    parts |= {"data": array.tobytes()} | changed
    return msgspec.msgpack.encode({"features": {key.encode(): value for key, value in parts.items()}})


def why_npz(raw: bytes) -> str:
    with pytest.raises(ArrayFault) as found:
        read_npz(io.BytesIO(raw))
    return str(found.value)


def why_msgpack(raw: bytes) -> str:
    with pytest.raises(ArrayFault) as found:
        read_msgpack(raw)
    return str(found.value)


@given(array=USABLE, packed=st.booleans(), by_columns=st.booleans())
def test_what_numpy_saves_is_read_as_float32(array: NDArray[Any], packed: bool, by_columns: bool) -> None:
    saved = np.asfortranarray(array) if by_columns else array
    found = read_npz(io.BytesIO(npz(saved, packed=packed)))
    assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(found, array.astype(np.float32))


@given(array=USABLE)
def test_what_msgpack_numpy_packs_is_read_as_float32(array: NDArray[Any]) -> None:
    np.testing.assert_array_equal(read_msgpack(map_of(array)), array.astype(np.float32))


def test_msgpack_numpy_itself_is_understood() -> None:
    packer = pytest.importorskip("msgpack_numpy")
    msgpack = pytest.importorskip("msgpack")
    array = np.arange(6, dtype=np.float16).reshape(3, 2)
    raw = msgpack.dumps({"features": array, "other": "x"}, use_bin_type=True, default=packer.encode)
    np.testing.assert_array_equal(read_msgpack(raw), array)


def test_what_else_lies_in_the_file_is_passed_over() -> None:
    """Also what could not be read: the authors' npz hold a member `allow_pickle`."""
    array = np.ones((2, 3), np.float32)
    raw = npz(array, allow_pickle=np.array(True), info=np.array([{"a": 1}], object))
    np.testing.assert_array_equal(read_npz(io.BytesIO(raw)), array)


@given(data=st.data(), array=USABLE, packed=st.booleans())
@settings(max_examples=300)
def test_a_damaged_npz_is_read_or_refused(data: st.DataObject, array: NDArray[Any], packed: bool) -> None:
    raw = bytearray(npz(array, packed=packed))
    if data.draw(st.booleans(), "cut"):
        del raw[data.draw(st.integers(0, len(raw) - 1), "end") :]
    for _ in range(data.draw(st.integers(1, 3), "bytes")):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1), "place")] = data.draw(st.integers(0, 255), "byte")
    try:
        found = read_npz(io.BytesIO(bytes(raw)))
    except ArrayFault:
        return
    assert found.ndim == 2
    assert np.isfinite(found).all()


@given(raw=st.binary(max_size=64) | st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.binary(max_size=9) | st.sampled_from(["features", "<f4", "nd"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["features", "nd", "type", "shape", "data", b"nd", b"type", b"shape", b"data", 1]), inner,
    ), max_leaves=12,
).map(msgspec.msgpack.encode))  # fmt: skip
@settings(max_examples=300)
def test_any_other_bytes_are_no_map_of_features(raw: bytes) -> None:
    assert why_msgpack(raw)


@pytest.mark.parametrize("kind", ["<f4", ">f8"])
@given(shape=st.lists(st.integers(-2, 2**40), max_size=4), size=st.integers(0, 64))
def test_an_array_is_never_larger_than_its_bytes(kind: str, shape: list[int], size: int) -> None:
    raw = map_of(np.ones((1, 1), kind), shape=shape, data=b"\0" * size)
    try:
        found = read_msgpack(raw)
    except ArrayFault:
        return
    assert list(found.shape) == shape
    assert found.size * np.dtype(kind).itemsize == size


class Loaded:
    """Unpickled, it would end the test."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"", "is no npz file"),
        (b"PK\x03\x04 cut off", "is no npz file"),
        (npz(np.ones((2, 2)))[:-40], "is no npz file"),
        (zipped(npy(told("'<f4'", "(1, 1)"), b"\0" * 4), "other.npy"), "holds 'other', expected an array 'features'"),
        (zipped(npy(told("'<f4'", "(1, 1)"), b"\0" * 4), kind=zipfile.ZIP_LZMA), "packed otherwise than numpy"),
        (zipped(npy(told("'<f4'", "(1, 1)"), b"\0" * 4), kind=zipfile.ZIP_BZIP2), "packed otherwise than numpy"),
        (npz(np.array([Loaded()], object)), "values of kind '|O'"),
        (zipped(pickle.dumps(Loaded())), "is no npz file"),
        (npz(np.zeros((2, 2), [("a", "<f4")])), "values of kind '|V4'"),
        (npz(np.ones((2, 2), np.int64)), "values of kind '<i8', expected float16, float32 or float64"),
        (npz(np.array([["a"]])), "values of kind '<U1'"),
        (npz(np.ones((2, 2), complex)), "values of kind '<c16'"),
        (npz(np.ones(4)), "shape [4], expected [frames, dim]"),
        (npz(np.ones((1, 2, 2))), "shape [1, 2, 2], expected [frames, dim]"),
        (npz(np.ones((0, 4))), "shape [0, 4], expected [frames, dim]"),
        (npz(np.array([[np.nan]])), "not finite in float32"),
        (npz(np.array([[1e300]])), "not finite in float32"),
        (npz(np.array([[2e6]])), "beyond 1e+06"),
        (zipped(npy(told("'<f4'", "(-1, -4)"), b"\0" * 16)), "shape [-1, -4]"),
        (zipped(npy(told("'<f4'", "(2, 2)"), b"\0" * 15)), "does not have the 16 bytes that its header says"),
        (zipped(npy(told("'<f4'", "(2, 2)"), b"\0" * 17)), "does not have the 16 bytes that its header says"),
        (zipped(npy(told("'<f4'", "(2, 2)"), b"\0" * 16, b"\x02\x00")), "is of version (2, 0)"),
        (zipped(npy("{'descr': '<f4'" + " " * 60_000)), "is no npz file"),
        (zipped(npy("[" * 9_000)), "is no npz file"),
        (zipped(npy("__import__('os').abort()")), "is no npz file"),
    ],
)  # fmt: skip
def test_an_npz_file_that_holds_something_else_is_refused(raw: bytes, part: str) -> None:
    assert part in why_npz(raw)


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (msgspec.msgpack.encode([1]), "expected a map"),
        (msgspec.msgpack.encode({"a": 1, "b": 2}), "holds 'a', 'b', expected an array 'features'"),
        (msgspec.msgpack.encode({}), "holds nothing"),
        (msgspec.msgpack.encode({"features": [[1.0]]}), "no array of msgpack-numpy"),
        (map_of(np.ones((1, 1))) + b"\0", "is no map of msgpack"),
        (b"\xdd\xff\xff\xff\xff", "is no map of msgpack"),
        (b"\x91" * 100_000, "is no map of msgpack"),
        (b'\x04"M\x18 a frame of lz4', "is no map of msgpack"),
        (map_of(np.ones((1, 1)), type="O", data=pickle.dumps(Loaded())), "values of kind 'O'"),
        (map_of(np.ones((1, 1)), type="<f4,<f4"), "values of kind '<f4,<f4'"),
        (map_of(np.ones((1, 1)), type="float32"), "values of kind 'float32'"),
        (map_of(np.ones((1, 1)), type="<i8"), "values of kind '<i8'"),
        (map_of(np.ones((1, 1)), type=[["a", "<f8"]]), "values of kind"),
        (map_of(np.ones((1, 1)), nd=False), "no array of msgpack-numpy"),
        (map_of(np.ones((1, 1)), shape=["1", "1"]), "no array of msgpack-numpy"),
        (map_of(np.ones((1, 1)), shape=[2**40, 2**40]), f"more than {MOST_BYTES} bytes"),
        (map_of(np.ones((1, 1)), data="12345678"), "no array of msgpack-numpy"),
        (map_of(np.array([[np.inf]])), "not finite"),
    ],
)  # fmt: skip
def test_a_map_that_holds_something_else_is_refused(raw: bytes, part: str) -> None:
    assert part in why_msgpack(raw)


def test_no_more_is_unpacked_than_the_header_says() -> None:
    """Zeros pack to a thousandth: the header is looked at first, and one byte more is read than it says."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(MEMBER, "w") as member:
        member.write(npy(told("'<f4'", "(8, 4)")))
        for _ in range(64):
            member.write(bytes(1 << 20))
    bombs = [out.getvalue(), zipped(npy(told("'<f4'", "(67108864, 2)"), bytes(1 << 20)))]
    tracemalloc.start()
    try:
        whys = [why_npz(bomb) for bomb in bombs]
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "does not have the 128 bytes" in whys[0]
    assert f"more than {MOST_BYTES} bytes" in whys[1]
    assert most < 4 << 20
