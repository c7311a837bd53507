"""Child processes of a worker: limited, watched, and never left behind."""

from __future__ import annotations

import os
import resource
import signal
import site
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from benchmark_site.jobs.landlock import May, confinement
from benchmark_site.jobs.leases import HEARTBEAT_S, LeaseLost
from benchmark_site.local.processes import die_with_parent, without_network

# Nothing else of the worker's environment reaches a child: no password, no key, no address.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "NUMBA_CACHE_DIR", "HF_HUB_OFFLINE", "HF_HOME")
_LOG_TAIL_BYTES = 8 * 1024
# What Python and its libraries open by themselves, wherever they are installed.
_PYTHONS_OWN = (
    sys.prefix, sys.base_prefix, site.getusersitepackages(), "/lib", "/lib64", "/usr/lib", "/usr/lib64",
    "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom",
    "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What a child that reads others' files may use before the kernel stops it."""

    memory_bytes: int
    cpu_s: int
    file_bytes: int
    open_files: int
    network: bool = False  # where the kernel lets us take it away


@dataclass(frozen=True)
class Files:
    """All that a child that reads others' files may open, where the kernel has Landlock: beside what is Python's own.
    It reaches nobody by TCP or a signal.

    `read`: files, and folders with all that lies in them. `scratch`: the folder that it may write in, where its
    temporary files lie, too.
    """

    read: Sequence[str | Path]
    scratch: Path


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit status (negative: the signal that killed it) and the end of what it wrote."""

    status: int
    log: str
    out_of_time: bool = False

    def reason(self, who: str) -> str:
        """One sentence for the one who waits."""
        if self.out_of_time or self.status == -signal.SIGXCPU:
            return f"{who} took too long and was stopped"
        if "MemoryError" in self.log.rstrip().rsplit("\n", 1)[-1]:  # numpy's too: ArrayMemoryError
            return f"{who} ran out of memory"
        if self.status < 0:
            return f"{who} was killed ({signal.Signals(-self.status).name})"
        return f"{who} crashed (exit status {self.status})"


def run(
    command: Sequence[str],
    log: Path,
    *,
    alive: Callable[[], bool],
    wall_s: float | None = None,
    limits: Limits | None = None,
    files: Files | None = None,
    threads: int = 1,
    stdout: Path | None = None,
) -> Ended:
    """Run a command of this project, calling `alive` every few seconds. Raises LeaseLost where that says no.

    Both outputs go to `log`, or the standard output to `stdout`. Whatever happens, no process of it stays behind.
    """
    with log.open("ab") as errors, (stdout or log).open("ab") as output, _confinement(files) as confine:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=settings.BASE_DIR,
            env=_environment(threads, files),
            start_new_session=True,
            preexec_fn=_preparation(limits, confine),
        )
    try:
        deadline = None if wall_s is None else time.monotonic() + wall_s
        while True:
            try:
                status = process.wait(HEARTBEAT_S)
                return Ended(status, tail(log))
            except subprocess.TimeoutExpired:
                if not alive():
                    raise LeaseLost from None
                if deadline is not None and time.monotonic() > deadline:
                    _kill(process)
                    return Ended(process.returncode, tail(log), out_of_time=True)
    finally:
        _kill(process)


def can_cut_off() -> bool:
    """Whether children that read others' files have no network on this machine."""
    cut = without_network()
    if cut is None:
        return False
    # The child says it by its end: nothing else of it matters.
    ended = subprocess.run([sys.executable, "-c", ""], preexec_fn=lambda: None if cut() else os._exit(1), check=False)
    return ended.returncode == 0


def tail(path: Path) -> str:
    """The end of a log: text that a database takes (no NUL), never more than a page."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        return file.read().decode("utf-8", "replace").replace("\0", "�")


def _confinement(files: Files | None) -> AbstractContextManager[Callable[[], None] | None]:
    if files is None:
        return nullcontext()
    # Python finds its modules by the names in the folder that it starts in.
    rules = {str(settings.BASE_DIR): May.LIST}
    rules |= {str(path): May.READ for path in (*_PYTHONS_OWN, *files.read)}
    return confinement(rules | dict.fromkeys((str(files.scratch), os.devnull), May.READ | May.CHANGE))


def _environment(threads: int, files: Files | None) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # Threads that wait do not spin: beside other work on the same cores, a small model's step took five times as long.
    openmp = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    temporary = {} if files is None else {"TMPDIR": str(files.scratch)}
    return {**kept, **openmp, **temporary, "PYTHONUNBUFFERED": "1"}


def _preparation(limits: Limits | None, confine: Callable[[], None] | None) -> Callable[[], None]:
    tie = die_with_parent("SIGKILL")
    cut = None if limits is None or limits.network else without_network()

    def prepare() -> None:
        if cut is not None:
            cut()
        if tie is not None:
            tie()
        if limits is not None:
            # The soft limit of CPU time ends the child by a signal of its own; at the hard one it would look killed.
            resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
            for which, most in (
                (resource.RLIMIT_AS, limits.memory_bytes),
                (resource.RLIMIT_FSIZE, limits.file_bytes),
                (resource.RLIMIT_NOFILE, limits.open_files),
                (resource.RLIMIT_CORE, 0),
            ):
                resource.setrlimit(which, (most, most))
        if confine is not None:
            confine()

    return prepare


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the child's whole session: what it started goes with it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # all of it has ended
    process.wait()
