"""The scorer's cage, with real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmark_site.jobs import child_process, landlock
from benchmark_site.jobs.leases import LeaseLost

LIMITS = child_process.Limits(memory_bytes=2**30, cpu_s=1, file_bytes=2**20, open_files=64)


def run(code: str, log: Path, **options: object) -> child_process.Ended:
    options.setdefault("alive", lambda: True)
    return child_process.run([sys.executable, "-c", code], log, **options)  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.txt"


def test_the_exit_status_and_the_end_of_both_outputs_come_back(log: Path) -> None:
    ended = run("import sys; print('said'); print('cried', file=sys.stderr); sys.exit(2)", log)
    assert ended.status == 2
    assert "said" in ended.log
    assert "cried" in ended.log


def test_a_long_log_is_cut_and_holds_no_nul(log: Path) -> None:
    ended = run("print('x' * 100_000 + chr(0) + 'end')", log)
    assert len(ended.log) < 10_000
    assert ended.log.endswith("end\n")
    assert "\0" not in ended.log


def test_memory_is_limited(log: Path) -> None:
    ended = run("bytearray(2 * 2**30)", log, limits=LIMITS)
    assert ended.reason("the scorer") == "the scorer ran out of memory"


def test_cpu_time_is_limited_and_is_not_taken_for_a_kill(log: Path) -> None:
    ended = run("while True: pass", log, limits=LIMITS)
    assert ended.status == -signal.SIGXCPU
    assert ended.reason("the scorer") == "the scorer took too long and was stopped"


def test_files_are_limited(log: Path, tmp_path: Path) -> None:
    grown = tmp_path / "grown"
    ended = run(f"open({str(grown)!r}, 'wb').write(b'x' * 2**22)", log, limits=LIMITS)
    assert ended.status != 0
    assert grown.stat().st_size <= 2**20


def test_open_files_are_limited(log: Path) -> None:
    ended = run("import os; [os.open('/dev/null', 0) for _ in range(100)]", log, limits=LIMITS)
    assert ended.status == 1
    assert "Too many open files" in ended.log


def test_the_wall_clock_is_limited(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "HEARTBEAT_S", 0.1)
    began = time.monotonic()
    ended = run("import time; time.sleep(60)", log, wall_s=0.3)
    assert ended.out_of_time
    assert time.monotonic() - began < 10


def test_secrets_of_the_worker_do_not_reach_it(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    assert "DATABASE_URL" in os.environ
    ended = run("import os; print(sorted(os.environ))", log)
    assert "PATH" in ended.log
    assert "SECRET_KEY" not in ended.log
    assert "DATABASE_URL" not in ended.log


def test_its_threads_are_as_many_as_it_was_given_and_let_others_work(log: Path) -> None:
    ended = run("import os; print(*[os.environ['OMP_' + n] for n in ('NUM_THREADS', 'WAIT_POLICY')])", log, threads=3)
    assert ended.log.strip() == "3 PASSIVE"


def test_a_lost_lease_kills_it_and_what_it_started(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "HEARTBEAT_S", 0.5)
    code = (
        "import subprocess, sys, time; "
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(inner.pid, flush=True); time.sleep(60)"
    )
    with pytest.raises(LeaseLost):
        run(code, log, alive=lambda: not log.read_text().strip())
    inner = int(log.read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(inner) and psutil.Process(inner).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the grandchild lives on"
        time.sleep(0.05)


def test_an_error_of_the_caller_kills_it(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "HEARTBEAT_S", 0.1)
    before = {one.pid for one in psutil.Process().children()}
    seen: set[int] = set()

    def broken() -> bool:
        seen.update({one.pid for one in psutil.Process().children()} - before)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run("import time; time.sleep(60)", log, alive=broken)
    assert seen
    assert not any(one.pid in seen and one.status() != psutil.STATUS_ZOMBIE for one in psutil.Process().children())


def reaches(port: int, log: Path, **options: object) -> bool:
    code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
    return run(code, log, **options).status == 0


def test_who_reads_what_others_send_has_no_network(log: Path) -> None:
    if not child_process.can_cut_off():
        pytest.skip("this kernel lets nobody take the network from a child")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert reaches(port, log)
        assert reaches(port, log, limits=replace(LIMITS, network=True))
        assert not reaches(port, log, limits=LIMITS)


TRIES = """
import os, sys, tempfile
for mode, path in [one.split(":", 1) for one in sys.argv[1:]]:
    try:
        with open(path, mode) as file:
            print(path, "opened")
    except OSError as error:
        print(path, type(error).__name__)
print("temporary", tempfile.gettempdir())
"""


def tried(log: Path, files: child_process.Files | None, *paths: str) -> dict[str, str]:
    """What became of opening each "mode:path" in a child."""
    command = [sys.executable, "-c", TRIES, *paths]
    ended = child_process.run(command, log, alive=lambda: True, limits=LIMITS, files=files)
    assert ended.status == 0, ended.log
    return dict(line.rsplit(" ", 1) for line in ended.log.splitlines())  # type: ignore[misc]


def test_who_reads_what_others_send_opens_no_other_file(log: Path, tmp_path: Path) -> None:
    if not landlock.version():
        pytest.skip("this kernel has no Landlock")
    given, other, scratch = (tmp_path / name for name in ("given", "other", "scratch"))
    for folder in (given, other, scratch):
        folder.mkdir()
        (folder / "file").write_text("x")
    (scratch / "way").symlink_to(other / "file")
    reads = [f"rb:{path}" for path in ("/etc/passwd", f"/proc/{os.getpid()}/environ", other / "file", scratch / "way")]
    writes = [f"wb:{path}" for path in (given / "file", other / "new", Path(child_process.__file__).parent / "new.py")]
    grants = [
        f"rb:{given / 'file'}",
        f"wb:{scratch / 'file'}",
        f"wb:{scratch / 'new'}",
        f"rb:{os.__file__}",
        "r+b:/dev/null",
    ]
    assert set(list(tried(log, None, *reads).values())[:-1]) == {"opened"}
    log.unlink()
    found = tried(log, child_process.Files([given], scratch), *reads, *writes, *grants)
    assert found.pop("temporary") == str(scratch)
    named = {one.partition(":")[2] for one in grants}
    assert {path: said for path, said in found.items() if path in named} == dict.fromkeys(named, "opened")
    assert {said for path, said in found.items() if path not in named} == {"PermissionError"}
    assert (given / "file").read_text() == "x"


TRICKS = """
import os, socket, sys
port, given = int(sys.argv[1]), sys.argv[2]
os.chdir(sys.argv[3])
tricks = {
    "link": lambda: os.symlink("/etc/passwd", "link"),
    "hard link": lambda: os.link(given, "hard link"),
    "pipe": lambda: os.mkfifo("pipe"),
    "socket": lambda: socket.socket(socket.AF_UNIX).bind("socket"),
    "signal": lambda: os.kill(os.getppid(), 0),
    "connect": lambda: socket.create_connection(("127.0.0.1", port), 5),
    "listen": lambda: socket.create_server(("127.0.0.1", 0)),
}
for name, trick in tricks.items():
    try:
        trick()
        print(name + ": done")
    except OSError:
        print(name + ": refused")
"""


def test_who_reads_what_others_send_leads_nobody_on_and_reaches_nobody(log: Path, tmp_path: Path) -> None:
    """The worker reads what the child has written: it would follow a link, and wait at a pipe with nobody behind it.

    Nor has it a network where the kernel makes none of its own for it, as in a container: no `limits` stand for that.
    """
    if landlock.version() < 6:
        pytest.skip("this kernel's Landlock knows of files alone")
    given, scratch = tmp_path / "given", tmp_path / "scratch"
    given.write_text("x")
    scratch.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = [str(server.getsockname()[1]), str(given), str(scratch)]

        def said(files: child_process.Files | None) -> set[str]:
            log.unlink(missing_ok=True)
            ended = child_process.run([sys.executable, "-c", TRICKS, *asked], log, alive=lambda: True, files=files)
            return {line.rpartition(": ")[2] for line in ended.log.splitlines()}

        assert said(child_process.Files([given], scratch)) == {"refused"}
        assert list(scratch.iterdir()) == []
        assert said(None) == {"done"}


def test_a_kernel_without_landlock_runs_it_all_the_same(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert tried(log, child_process.Files([], tmp_path), "rb:/etc/passwd")["/etc/passwd"] == "opened"


def test_without_a_network_a_child_still_dies_with_its_parent_and_reads_its_files(log: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "secret").chmod(0o600)
    child = f"print(open({str(tmp_path / 'secret')!r}).read(), flush=True); import time; time.sleep(60)"
    parent = (
        "import sys, django; django.setup();"
        "from pathlib import Path; from benchmark_site.jobs import child_process as c;"
        "limits = c.Limits(memory_bytes=2**30, cpu_s=9, file_bytes=2**20, open_files=64);"
        f"c.run([sys.executable, '-c', {child!r}], Path({str(log)!r}), alive=lambda: True, limits=limits)"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "benchmark_site.settings"}
    process = subprocess.Popen([sys.executable, "-c", parent], env=environment)
    deadline = time.monotonic() + 60
    while not log.exists() or "mine" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (alive,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    _, left = psutil.wait_procs([alive], timeout=10)
    assert left == []
