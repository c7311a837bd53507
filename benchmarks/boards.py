"""How fast a board is read, alone and beside people whose lines are slow.

    .venv/bin/python -m benchmarks.boards [--entries 2000] [--slow 100] [--readers 50] [--seconds 20]

Starts PostgreSQL and the platform's web server, as `make up` does, with a board of so many entries. Printed: what one
page of it costs, and how long readers of several pages wait who come all at once, without and with slow senders (600
bytes ten times a second, of 30 MB, every other one with a token): first strangers, whose pages are drawn once for all,
then as many people who are logged in, each with an entry on the board and twenty more submissions. Answers that failed
are counted, and waited for as long as they took. Clients and server share the machine's cores.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from tests.services import running

ROOT = Path(__file__).resolve().parents[1]
PAUSE_S = 1.0  # between two pages of a reader
OWN = 20  # submissions of a person who is logged in, beside the entry on the board


@dataclass(frozen=True)
class Site:
    """The address of its board, and of people who have an entry there tokens and the cookies of sessions."""

    board: str
    tokens: list[str]
    sessions: list[dict[str, str]]

    def readers(self) -> dict[str, tuple[list[str], list[dict[str, str]]]]:
        """Who reads what at one time, mostly other pages than the largest board: pages, and cookies in turn."""
        return {
            "strangers": (["/", "/boards/", "/releases/", "/login/", self.board, "/healthz"], [{}]),
            "who are logged in": (
                ["/", "/boards/", "/submissions/", "/teams/", self.board, f"{self.board}submit/"],
                self.sessions,
            ),
        }


def prepare(entries: int, people: int) -> Site:
    """Make the tables, a board, and so many people who have an entry on it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmark_site.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from benchmark_site.leaderboard.models import Track
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
    known = [log_in(track, number, entries // people) for number in range(people)]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.close()
    return Site(track.get_absolute_url(), [token for token, _ in known], [cookies for _, cookies in known])


def log_in(track: Any, number: int, step: int) -> tuple[str, dict[str, str]]:
    """A token and the cookies of a new person in the team of one of the entries, which has sent more."""
    from django.contrib.auth.models import User
    from django.test import Client

    from benchmark_site.leaderboard.models import Evaluation, Membership, State, Submission, Team
    from benchmark_site.leaderboard.teams.tokens import create_token
    from tests.leaderboard.boards.test_large_board import FIRST

    team = Team.objects.get(name=f"team {number * step:04}")
    user = User.objects.create_user(f"reader {number}")
    membership = Membership.objects.create(team=team, user=user)
    sent = Submission.objects.bulk_create(
        Submission(
            team=team, track=track, method=f"more {n}", file=f"y/{number}-{n}", file_name="p.json", size=1,
            sha256=f"{10**9 + number * OWN + n:064x}", created_at=FIRST,
        )
        for n in range(OWN)
    )  # fmt: skip
    Evaluation.objects.bulk_create(
        Evaluation(
            submission=one, evaluator_version="1", manifest_sha256="0" * 64, state=State.DONE, report={"x": "y" * 1000},
            finished_at=FIRST,
        )
        for one in sent
    )  # fmt: skip
    browser = Client()
    browser.force_login(user)
    return create_token(membership), {name: morsel.value for name, morsel in browser.cookies.items()}


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


def read(
    port: int, paths: list[str], cookies: list[dict[str, str]], readers: int, seconds: float
) -> tuple[list[float], int]:
    """Seconds that each answer took, and how many were none; every reader reads the pages in turn, with pauses.

    Who is sent to another page, as to the log-in, has no answer either.
    """
    took: list[float] = []
    failed: list[Exception] = []
    ends = time.monotonic() + seconds

    def one(number: int) -> None:
        time.sleep(PAUSE_S * number / readers)
        own = cookies[number % len(cookies)]
        with httpx.Client(base_url=f"http://localhost:{port}", cookies=own, timeout=60) as client:
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
def slow_senders(port: int, board: str, count: int, tokens: list[str]) -> Iterator[None]:
    """So many who send a large file slowly; every other one has a right to, each a token of another person's."""
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

    known = [[f"Authorization: Bearer {tokens[n // 2 % len(tokens)]}"] if n % 2 else [] for n in range(count)]
    threads = [threading.Thread(target=send, args=(more,), daemon=True) for more in known]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(5)


def tell(table: Table, name: str, took: list[float], failed: int, seconds: float) -> None:
    """Add what these answers took to the table."""
    took.sort()
    table.add_row(f"{name}, failed", str(failed))
    table.add_row(f"{name}, answers a second", f"{len(took) / seconds:.0f}")
    table.add_row(f"{name}, median ms", f"{statistics.median(took) * 1000:.0f}")
    table.add_row(f"{name}, p95 ms", f"{took[int(len(took) * 0.95)] * 1000:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=2000, help="of the board (default %(default)s)")
    parser.add_argument("--slow", type=int, default=100, help="slow senders (default %(default)s)")
    parser.add_argument("--readers", type=int, default=50, help="readers at once (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="that they read for (default %(default)s)")
    arguments = parser.parse_args()
    table = Table("measured", "value", title=f"{arguments.entries} entries, {os.cpu_count()} cores for all")
    with running():
        site = prepare(arguments.entries, arguments.readers)
        with serving() as port:
            page = f"http://localhost:{port}{site.board}"
            for _ in range(5):  # templates and connections are warm
                httpx.get(page)
            alone = []
            for _ in range(20):
                began = time.perf_counter()
                answer = httpx.get(page)
                alone.append(time.perf_counter() - began)
            table.add_row("a page of the board, median ms", f"{statistics.median(alone) * 1000:.0f}")
            table.add_row("a page of the board, kB", f"{len(answer.content) / 1000:.0f}")
            for who, (paths, cookies) in site.readers().items():
                for beside, slow in (("", 0), (f" beside {arguments.slow} slow senders", arguments.slow)):
                    with slow_senders(port, site.board, slow, site.tokens):
                        took, failed = read(port, paths, cookies, arguments.readers, arguments.seconds)
                    tell(table, f"{arguments.readers} readers {who}{beside}", took, failed, arguments.seconds)
    Console().print(table)


if __name__ == "__main__":
    main()
