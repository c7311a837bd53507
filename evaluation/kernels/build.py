"""Compiles every kernel into one object file: `python -m evaluation.kernels.build OUT`, run by kernels.aot."""

import importlib
import json
import sys
from pathlib import Path

import llvmlite.binding as llvm

from evaluation.io.atomic import write_atomic
from evaluation.kernels.aot import KERNELS, MODULES


def build(out: Path) -> None:
    """Link the kernels' optimised modules and write {name: symbol} as a line of JSON, then the object code.

    A kernel that allocates or raises would need numba's runtime, which is not there when the file is used: refused.
    """
    for module in MODULES:  # importing them registers their kernels
        importlib.import_module(module)
    symbols, linked = {}, llvm.parse_assembly("")
    for name, dispatcher in KERNELS.items():
        (compiled,) = dispatcher.overloads.values()
        symbols[name] = compiled.fndesc.llvm_func_name
        linked.link_in(llvm.parse_bitcode(compiled.library._final_module.as_bitcode()))
    linked.verify()
    foreign = [function.name for function in linked.functions if function.is_declaration]
    if foreign := [name for name in foreign if not name.startswith("llvm.")]:
        raise SystemExit(f"kernels need {', '.join(foreign)}: they must neither allocate nor raise")
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=3, jit=True
    )
    write_atomic(out, [json.dumps(symbols).encode(), b"\n", target.emit_object(linked)])


if __name__ == "__main__":
    build(Path(sys.argv[1]))
