"""Kernels: numba compiles them once per machine, later processes load the machine code without numba.

Importing numba and starting its dispatcher costs 0.4 s in every process, a third of scoring a full-size Parquet file.
So the first process that needs a kernel has all of them compiled by a child (`evaluation.kernels.build`) into one
object file, and everybody else links that file in with llvmlite, which takes milliseconds. The file's name is a hash
of the kernels' sources, the compiler's version and the processor, so nothing stale is ever run.

A kernel is a function of scalars, C-contiguous arrays and structures of both that allocates nothing and raises nothing.
"""

import ctypes
import functools
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from evaluation.kernels.types import array_of, is_structure, leaves

Function = TypeVar("Function", bound=Callable[..., Any])

BUILDING = "HERO_BENCH_BUILD_KERNELS"  # set in the child that compiles
PACKAGE = Path(__file__).parents[1]
MODULES = (  # those that hold kernels, or helpers of kernels
    "evaluation.metrics.iou",
    "evaluation.metrics.nms",
    "evaluation.metrics.ranking",
    "evaluation.predictions.json.number",
    "evaluation.predictions.json.strings",
    "evaluation.predictions.json.scanner",
    "evaluation.predictions.validation",
)
OPTIONS = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
SCALARS = {int: ctypes.c_int64, float: ctypes.c_double, bool: ctypes.c_bool}
ARRAY_HEAD = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
KERNELS: dict[str, Any] = {}  # in the building child: name -> numba dispatcher


def helper(function: Function) -> Function:
    """A function that kernels call; it is part of them and stays plain Python for everybody else."""
    if BUILDING in os.environ:
        import numba

        dispatcher: Function = numba.njit(**OPTIONS)(function)
        return dispatcher
    return function


def kernel(function: Function) -> Function:
    """Make a function machine code, compiled for the types of its annotations (`evaluation.kernels.types`)."""
    if BUILDING in os.environ:
        import numba

        dispatcher: Function = numba.njit(_signature(function), **OPTIONS)(function)
        KERNELS[function.__name__] = dispatcher
        return dispatcher
    return functools.wraps(function)(_caller(function))  # type: ignore[return-value]


def _signature(function: Callable[..., Any]) -> Any:
    from numba import types

    def compiled(annotation: Any) -> Any:
        if is_structure(annotation):
            return types.BaseTuple.from_types([compiled(field) for field in leaves(annotation)], annotation)
        if array := array_of(annotation):
            return types.Array(getattr(types, array.dtype), array.dimensions, "C")
        return {bool: types.boolean, int: types.int64, float: types.float64, None: types.void}[annotation]

    *parameters, returned = function.__annotations__.values()
    return compiled(returned)(*map(compiled, parameters))


def _caller(function: Callable[..., Any]) -> Callable[..., Any]:
    """A Python function that checks its arguments and calls the machine code by numba's calling convention:

    status = code(result *, exception **, arguments…), a structure being its fields, an array being (owner, parent,
    items, item bytes, data, shape…, strides…).
    """
    name = function.__name__
    *parameters, returned = function.__annotations__.values()
    structures = [kind if is_structure(kind) else None for kind in parameters]
    kinds = [leaf for kind in parameters for leaf in leaves(kind)]
    arrays = [array and (np.dtype(array.dtype), array.dimensions) for array in map(array_of, kinds)]
    result_type: Any = SCALARS.get(returned, ctypes.c_void_p)
    types: list[Any] = [ctypes.POINTER(result_type), ctypes.c_void_p]
    for kind, array in zip(kinds, arrays, strict=True):
        types += [*ARRAY_HEAD, *[ctypes.c_int64] * (2 * array[1])] if array else [SCALARS[kind]]
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32, *types)

    @functools.cache
    def code() -> Any:
        return prototype(_library().address(name))

    def call(*arguments: Any) -> Any:
        result, flat = result_type(), []
        for value, array in zip(_taken_apart(name, arguments, structures), arrays, strict=True):
            if array is None:
                flat.append(value)
                continue
            if value.dtype != array[0] or value.ndim != array[1] or not value.flags.carray:
                raise TypeError(f"{name} takes a writeable C array {array}, not {value.dtype} {value.shape}")
            address = value.__array_interface__["data"][0]
            flat += [None, None, value.size, value.itemsize, address, *value.shape, *value.strides]
        if code()(ctypes.byref(result), None, *flat):
            raise RuntimeError(f"{name} failed")
        return result.value if returned else None

    return call


def _taken_apart(
    name: str, arguments: tuple[Any, ...], structures: Sequence[type[tuple[Any, ...]] | None]
) -> list[Any]:
    """The arguments with the fields of each structure in its place. Raises TypeError."""
    if len(arguments) != len(structures):
        raise TypeError(f"{name} takes {len(structures)} arguments, {len(arguments)} given")
    flat: list[Any] = []
    for value, structure in zip(arguments, structures, strict=True):
        if structure is None:
            flat.append(value)
        elif type(value) is structure:
            flat += value
        else:
            raise TypeError(f"{name} takes a {structure.__name__}, not a {type(value).__name__}")
    return flat


class Library:
    """The object file, linked into this process."""

    def __init__(self, path: Path) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        header, _, machine_code = path.read_bytes().partition(b"\n")
        self.symbols: dict[str, str] = json.loads(header)
        target = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
        self.engine.add_object_file(llvm.ObjectFileRef.from_data(machine_code))
        self.engine.finalize_object()

    def address(self, name: str) -> int:
        """Where the code of a kernel lies in memory."""
        return int(self.engine.get_function_address(self.symbols[name]))


@functools.cache
def _library() -> Library:
    return Library(object_file())


def object_file() -> Path:
    """The file of the machine code, compiled if it is not there: before somebody needs it who may write nothing.

    Raises RuntimeError.
    """
    path = _cache_folder() / f"kernels-{_fingerprint()}.o"
    if not path.exists():
        import subprocess

        command = [sys.executable, "-m", "evaluation.kernels.build", str(path)]
        place = {"PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *sys.path])}
        built = subprocess.run(command, env=os.environ | place | {BUILDING: "1"}, capture_output=True, text=True)
        if built.returncode:
            raise RuntimeError(f"the kernels could not be compiled: {built.stderr[-500:]}")
    return path


def _fingerprint() -> str:
    import llvmlite
    import llvmlite.binding as llvm

    modules = (*(f"evaluation.kernels.{name}" for name in ("aot", "build", "types")), *MODULES)
    parts = [PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py").read_bytes() for name in modules]
    parts += [
        llvmlite.__version__.encode(),
        llvm.get_host_cpu_name().encode(),
        llvm.get_host_cpu_features().flatten().encode(),
    ]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def _cache_folder() -> Path:
    """Beside the package where that is writable, else a folder that only this user can write: it holds code."""
    beside = PACKAGE / "__pycache__"
    cache_home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    private = (Path(cache_home) / "hero-bench", Path(tempfile.gettempdir()) / f"hero-bench-{os.getuid()}")
    for folder in (beside, *private):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.lstat()
        except OSError:
            continue
        safe = folder is beside or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
        if safe and os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="hero-bench-"))
