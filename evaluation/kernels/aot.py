"""Kernels: numba compiles them once per machine, later processes load the machine code without numba.

Importing numba and starting its dispatcher costs 0.4 s in every process, a third of scoring a full-size Parquet file.
So the first process that needs a kernel has all of them compiled by a child (`evaluation.kernels.build`) into one
object file, and everybody else links that file in with llvmlite, which takes milliseconds. The file's name is a hash
of the kernels' sources, the compiler's version and the processor, so nothing stale is ever run.

A kernel is a function of scalars and C-contiguous arrays that allocates nothing and raises nothing.
"""

import ctypes
import functools
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

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
SCALARS = {"int64": ctypes.c_int64, "float64": ctypes.c_double, "boolean": ctypes.c_bool}
KERNELS: dict[str, Any] = {}  # in the building child: name -> numba dispatcher


def helper(function: Function) -> Function:
    """A function that kernels call; it is part of them and stays plain Python for everybody else."""
    if BUILDING in os.environ:
        import numba

        dispatcher: Function = numba.njit(**OPTIONS)(function)
        return dispatcher
    return function


def kernel(signature: str) -> Callable[[Function], Function]:
    """Make a function machine code; `signature` is numba's, such as "int64(uint8[::1], int64)"."""

    def decorate(function: Function) -> Function:
        if BUILDING in os.environ:
            import numba

            dispatcher: Function = numba.njit(signature, **OPTIONS)(function)
            KERNELS[function.__name__] = dispatcher
            return dispatcher
        return functools.wraps(function)(_caller(function.__name__, signature))  # type: ignore[return-value]

    return decorate


def _caller(name: str, signature: str) -> Callable[..., Any]:
    """A Python function that checks its arguments and calls the machine code by numba's calling convention:

    status = code(result *, exception **, arguments…), an array being (owner, parent, items, item bytes, data,
    shape…, strides…).
    """
    returned, _, rest = signature.partition("(")
    kinds = [kind.strip() for kind in rest.rstrip(")").replace("[:,::1]", "@2").replace("[::1]", "@1").split(",")]
    result_type: Any = SCALARS[returned] if returned != "void" else ctypes.c_void_p
    types: list[Any] = [ctypes.POINTER(result_type), ctypes.c_void_p]
    arrays: list[tuple[np.dtype[Any], int] | None] = []
    for kind in kinds:
        scalar, _, dimensions = kind.partition("@")
        if dimensions:
            arrays.append((np.dtype(scalar), int(dimensions)))
            types += [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
            types += [ctypes.c_int64] * (2 * int(dimensions))
        else:
            arrays.append(None)
            types.append(SCALARS[scalar])
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32, *types)

    @functools.cache
    def code() -> Any:
        return prototype(_library().address(name))

    def call(*arguments: Any) -> Any:
        if len(arguments) != len(arrays):
            raise TypeError(f"{name} takes {len(arrays)} arguments, {len(arguments)} given")
        result, flat = result_type(), []
        for value, array in zip(arguments, arrays, strict=True):
            if array is None:
                flat.append(value)
                continue
            if value.dtype != array[0] or value.ndim != array[1] or not value.flags.carray:
                raise TypeError(f"{name} takes a writeable C array {array}, not {value.dtype} {value.shape}")
            address = value.__array_interface__["data"][0]
            flat += [None, None, value.size, value.itemsize, address, *value.shape, *value.strides]
        if code()(ctypes.byref(result), None, *flat):
            raise RuntimeError(f"{name} failed")
        return result.value if returned != "void" else None

    return call


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
    path = _cache_folder() / f"kernels-{_fingerprint()}.o"
    if not path.exists():
        import subprocess

        command = [sys.executable, "-m", "evaluation.kernels.build", str(path)]
        place = {"PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *sys.path])}
        built = subprocess.run(command, env=os.environ | place | {BUILDING: "1"}, capture_output=True, text=True)
        if built.returncode:
            raise RuntimeError(f"the kernels could not be compiled: {built.stderr[-500:]}")
    return Library(path)


def _fingerprint() -> str:
    import llvmlite
    import llvmlite.binding as llvm

    modules = ("evaluation.kernels.aot", "evaluation.kernels.build", *MODULES)
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
