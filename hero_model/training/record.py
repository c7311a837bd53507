"""`run.json`: what a run was asked for, so that only the same command goes on with it, and on what it was made."""

import errno
import fcntl
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import torch

from evaluation.io.atomic import write_atomic
from evaluation.io.digest import file_sha256
from evaluation.io.errors import refusing
from hero_model.errors import InputError
from hero_model.paths import writing

RECORD = "run.json"
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP)  # of a file system that knows none: there people have to see to it
LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "numpy")


def check_folder(out: Path, asked: Mapping[str, object]) -> bool:
    """Whether OUT holds a run that was asked for the same. Raises InputError where it holds anything else."""
    if (out / RECORD).is_file():
        earlier = _read(out)
        changed = [name for name, value in asked.items() if name not in earlier or earlier[name] != value]
        if changed:
            raise InputError(
                f"{out}: holds a run with another {', '.join(changed)}; give the same ones, or another folder"
            )
        return True
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file, expected a folder for the models")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: is not empty and holds no run of this command; give another folder")
    return False


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Make OUT, and let no second run write into it while this one does: their checkpoints and logs would mix.

    The system forgets who holds a folder that was killed. Raises InputError where another run holds it, or OUT cannot
    be made.
    """
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        held = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{out}: another run is at work in it; wait for it, or give another folder") from None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise InputError(f"{out}: cannot be held: {error.strerror}") from error
        yield
    finally:
        os.close(held)


def write_record(out: Path, asked: Mapping[str, object], device: torch.device, processes: int) -> None:
    """Note in OUT what was asked, and the machine and the libraries of the run's beginning. Raises InputError."""
    environment = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.platform(),
    }
    versions = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    _write(out, {**asked, "environment": environment, "versions": versions, "weights": {}})


def note_weights(out: Path, stage: str, file: Path, found: bool = False) -> None:
    """Add the hash of a finished stage's weights. found: they were there already; a hash of them stays.

    Raises InputError.
    """
    record = _read(out)
    if found and stage in record.get("weights", {}):
        return
    _write(out, record | {"weights": record.get("weights", {}) | {stage: file_sha256(file)}})


def _read(out: Path) -> dict[str, Any]:
    with refusing(f"{out / RECORD}: is no record of `train`", InputError):
        return msgspec.json.decode((out / RECORD).read_bytes(), type=dict[str, Any])


def _write(out: Path, record: Mapping[str, object]) -> None:
    with writing(out / RECORD):
        write_atomic(out / RECORD, [msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=2) + b"\n"])
