"""How fast the marketplace hands out and takes back work.

    .venv/bin/python -m benchmarks.marketplace [--workers 20] [--hits 100] [--assignments 3]

Starts PostgreSQL and the marketplace under gunicorn, as `make up` does, makes HITs by boto3, and lets that many
workers accept and submit at once until nothing is left. Clients and servers share the machine's cores. Printed:
calls a second for making HITs, accept+submit pairs a second, and how long one accept and one submit took.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from rich.console import Console
from rich.table import Table

from tests.marketplace.site import Site, WorkerBrowser, external, running_site


class Hands:
    """One worker on one connection that is kept open, as a browser does it; nothing but accept and submit."""

    def __init__(self, worker: WorkerBrowser, hit_type_id: str) -> None:
        self.worker, self.hit_type_id = worker, hit_type_id
        self.csrf = worker.get("/").forms[0]["fields"]["csrfmiddlewaretoken"]
        self.cookies = "; ".join(f"{name}={value}" for name, value in worker.http.cookies.items())
        self.connection = http.client.HTTPConnection(urlsplit(worker.site.url).netloc)
        self.accept_s: list[float] = []
        self.submit_s: list[float] = []

    def work_until_nothing_is_left(self) -> None:
        while (assignment_id := self._accept()) is not None:
            self._submit(assignment_id)

    def _accept(self) -> str | None:
        start = time.perf_counter()
        path = f"/groups/{self.hit_type_id}/accept/"
        location = self._post(path, {"csrfmiddlewaretoken": self.csrf}, {"Cookie": self.cookies})
        self.accept_s.append(time.perf_counter() - start)
        return location.split("/")[2] if location.startswith("/assignments/") else None

    def _submit(self, assignment_id: str) -> None:
        start = time.perf_counter()
        answer = {"assignmentId": assignment_id, "workerId": self.worker.id, "answer": "x" * 500}
        self._post("/mturk/externalSubmit", answer, {})
        self.submit_s.append(time.perf_counter() - start)

    def _post(self, path: str, data: dict[str, str], headers: dict[str, str]) -> str:
        self.connection.request(
            "POST",
            path,
            urlencode(data),
            {"Content-Type": "application/x-www-form-urlencoded", "Referer": self.worker.site.url, **headers},
        )
        response = self.connection.getresponse()
        body = response.read()
        if response.status not in (200, 302):
            raise RuntimeError(f"{path} answered {response.status}: {body[:300]!r}")
        return response.headers.get("Location", "")


def measure(site: Site, workers: int, hits: int, assignments: int) -> dict[str, float]:
    requester = site.requester(balance="1000000.00")
    start = time.perf_counter()
    made = [_make_hit(requester, assignments, number) for number in range(hits)]
    making_s = time.perf_counter() - start
    crowd = [Hands(site.worker(), made[0]["HITTypeId"]) for _ in range(workers)]
    threads = [threading.Thread(target=hands.work_until_nothing_is_left) for hands in crowd]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    working_s = time.perf_counter() - start
    pairs = sum(len(hands.submit_s) for hands in crowd)
    if pairs != hits * assignments:
        raise RuntimeError(f"{pairs} pairs done, {hits * assignments} were offered")
    return {
        "CreateHIT calls a second (one client)": hits / making_s,
        "accept+submit pairs": pairs,
        "pairs a second": pairs / working_s,
        "accept, median ms": 1000 * statistics.median(s for hands in crowd for s in hands.accept_s),
        "submit, median ms": 1000 * statistics.median(s for hands in crowd for s in hands.submit_s),
    }


def _make_hit(requester: Any, assignments: int, number: int) -> dict[str, Any]:
    hit: dict[str, Any] = requester.create_hit(
        Title="Benchmark",
        Description="Nothing to do",
        Reward="0.10",
        AssignmentDurationInSeconds=600,
        LifetimeInSeconds=3600,
        MaxAssignments=assignments,
        Question=external(),
        UniqueRequestToken=f"benchmark-{number}",
    )["HIT"]
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=20, help="workers at once (default %(default)s)")
    parser.add_argument("--hits", type=int, default=100, help="HITs (default %(default)s)")
    parser.add_argument("--assignments", type=int, default=3, help="assignments a HIT (default %(default)s)")
    arguments = parser.parse_args()
    from benchmark_site.local import embedded

    with embedded.running(), tempfile.TemporaryDirectory() as folder:
        server = os.environ["MARKETPLACE_DATABASE_URL"]
        with running_site(server, Path(folder) / "server.log", MARKETPLACE_FAULTS="false") as site:
            numbers = measure(site, arguments.workers, arguments.hits, arguments.assignments)
    table = Table("measured", "value", title=f"{arguments.workers} workers, {os.cpu_count()} cores for all")
    for name, value in numbers.items():
        table.add_row(name, f"{value:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
