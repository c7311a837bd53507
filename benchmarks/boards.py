"""How fast a board is read, alone and beside people whose lines are slow.

    .venv/bin/python -m benchmarks.boards [--entries 2000] [--slow 100] [--readers 50] [--seconds 20]

Starts PostgreSQL and the platform's web server, as `make up` does, with a board of so many entries. Printed: what one
page of it costs, and how long readers of several pages wait who come all at once, without and with slow senders (600
bytes ten times a second, of 30 MB, every other one with a token). Answers that failed are counted, and waited for as
long as they took. Clients and server share the machine's cores.

Aims: a page in 200 ms and 200 kB; 95 of 100 answers in 400 ms beside 100 slow senders and 50 readers.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from tests.services import running

ROOT = Path(__file__).resolve().parents[1]
PAUSE_S = 1.0  # between two pages of a reader


def prepare(entries: int) -> tuple[str, str]:
    """Make the tables and a board; returns its address, and a token by which one may submit."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmark_site.settings"
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from benchmark_site.leaderboard.models import Membership, Team, Track
    from benchmark_site.leaderboard.teams.tokens import create_token
    from benchmark_site.releases.models import Release
    from tests.leaderboard.boards.test_large_board import fill

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    release = Release.objects.create(
        slug="large", version="1.0.0", state="frozen", step="done", sha256="0" * 64, frozen_at=timezone.now()
    )
    track = Track.objects.create(
        release=release, task="moment", split="val", per_day=20, total=500, primary_metric="VCMR.R@1.tiou0.7.nms0.5"
    )
    fill(track, entries)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    user = User.objects.create_user("ada")
    token = create_token(Membership.objects.create(team=Team.objects.create(name="Slow"), user=user))
    connection.close()
    return track.get_absolute_url(), token


@contextlib.contextmanager
def serving() -> Iterator[int]:
    """The web server in a process of its own, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmark_site.server", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://localhost:{port}/healthz").status_code == 200:
                    break
            time.sleep(0.1)
        else:
            raise RuntimeError("the web server does not answer after 30 s")
        yield port
    finally:
        process.terminate()
        process.wait(20)


def read(port: int, paths: list[str], readers: int, seconds: float) -> tuple[list[float], int]:
    """Seconds that each answer took, and how many were none; every reader reads the pages in turn, with pauses."""
    took: list[float] = []
    failed: list[Exception] = []
    ends = time.monotonic() + seconds

    def one(number: int) -> None:
        time.sleep(PAUSE_S * number / readers)
        with httpx.Client(base_url=f"http://localhost:{port}", timeout=60) as client:
            turn = number
            while time.monotonic() < ends:
                began = time.perf_counter()
                try:
                    client.get(paths[turn % len(paths)]).raise_for_status()
                except httpx.HTTPError as error:
                    failed.append(error)
                took.append(time.perf_counter() - began)
                turn += 1
                time.sleep(PAUSE_S)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(readers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, len(failed)


@contextlib.contextmanager
def slow_senders(port: int, board: str, count: int, token: str) -> Iterator[None]:
    """So many who send a large file slowly; every other one has a right to."""
    stop = threading.Event()
    path = board.replace("/boards/", "/api/tracks/") + "submissions"

    def send(more: list[str]) -> None:
        while not stop.is_set():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as connection:
                head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Length: 30000000"]
                connection.sendall(
                    "\r\n".join([*head, *more, "Content-Type: multipart/form-data; boundary=b", "", ""]).encode()
                )
                while not stop.wait(0.1):
                    connection.sendall(b"x" * 600)

    known = [f"Authorization: Bearer {token}"]
    threads = [threading.Thread(target=send, args=([[], known][n % 2],), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=2000, help="of the board (default %(default)s)")
    parser.add_argument("--slow", type=int, default=100, help="slow senders (default %(default)s)")
    parser.add_argument("--readers", type=int, default=50, help="readers at once (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="that they read for (default %(default)s)")
    arguments = parser.parse_args()
    table = Table("measured", "value", title=f"{arguments.entries} entries, {os.cpu_count()} cores for all")
    with running():
        board, token = prepare(arguments.entries)
        # What people read at one time: mostly other pages than the largest board.
        paths = ["/", "/boards/", "/releases/", "/login/", board, "/healthz"]
        with serving() as port:
            page = f"http://localhost:{port}{board}"
            for _ in range(5):  # templates and connections are warm
                httpx.get(page)
            alone = []
            for _ in range(20):
                began = time.perf_counter()
                answer = httpx.get(page)
                alone.append(time.perf_counter() - began)
            table.add_row("a page of the board, median ms", f"{statistics.median(alone) * 1000:.0f}")
            table.add_row("a page of the board, kB", f"{len(answer.content) / 1000:.0f}")
            for name, slow in (("readers", 0), (f"readers beside {arguments.slow} slow senders", arguments.slow)):
                with slow_senders(port, board, slow, token):
                    took, failed = read(port, paths, arguments.readers, arguments.seconds)
                took.sort()
                table.add_row(f"{arguments.readers} {name}, failed", str(failed))
                table.add_row(f"{arguments.readers} {name}, answers a second", f"{len(took) / arguments.seconds:.0f}")
                table.add_row(f"{arguments.readers} {name}, median ms", f"{statistics.median(took) * 1000:.0f}")
                table.add_row(f"{arguments.readers} {name}, p95 ms", f"{took[int(len(took) * 0.95)] * 1000:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
