"""Real annotations through the whole system: launched, worked on, collected, reviewed, paid; compared with the source.

    python -m benchmarks.replay --data ../shared/data/how2 [--annotations 2000] [--workers 8]

Rows of How2R and How2QA are the annotators' knowledge. Each gives two annotations: its moment is marked in the first
stage, its query or question written in the second. The site runs as `make up` starts it, in a folder of its own.
Workers use its pages over HTTP; queries and questions are written side by side. The first answer to one task in ten is
spam, which the reviewer rejects and the platform asks for again; one answer in twenty is sent twice; the process of the
Celery worker is killed twice. Printed: how many a second, and whether what was accepted equals its source and what was
spent equals the ledger. Ends with status 1 where it does not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.replay.crowd import Crowd, review, right_answers, work
from benchmarks.replay.hands import Hands
from benchmarks.replay.site import Running, start_site
from benchmarks.replay.source import Row, insert, read
from tests.marketplace.site import WorkerBrowser

GROUP = {"segment": 1, "query": 2, "qa": 3}
REWARD = "0.12"
STAGE_ENDS_S = 3600.0
FOLLOW_EVERY_S = 10.0  # while workers work; beat asks once a minute
FOLLOW_AT_REST_S = 0.5  # once they wait
LOOKS_EVERY_S, LOOKS_AT_REST_S = 1.0, 0.1  # the reviewer, likewise
LARGEST = 8  # programs whose processor time is printed


@dataclass
class Stage:
    """One batch with its crew."""

    kind: str
    tag: str
    units: int
    crew: list[WorkerBrowser]
    batch: Any = None

    def launch(self, crowd: Crowd, site: Running) -> None:
        """From draft to open. Raises RuntimeError where it is about something else than was planned."""
        from annotation import campaigns
        from annotation.models import Batch

        draft = {"name": f"{self.kind} of {self.tag or 'all'}", "kind": self.kind, "tag": self.tag, "reward": REWARD}
        self.batch = campaigns.draft({**draft, "assignments_per_hit": 1, "budget": "1000.00"})
        costs = campaigns.cost(self.batch)
        if costs["units"] != self.units:
            raise RuntimeError(f"{costs['units']} units for {self.kind}, {self.units} are expected")
        campaigns.launch_for(self.batch.pk, str(costs["total"]))
        deadline = time.monotonic() + STAGE_ENDS_S
        while self.batch.state != Batch.State.OPEN:
            _not_too_late(deadline, self.batch)
            time.sleep(0.2)
            self.batch.refresh_from_db()
        crowd.answers |= right_answers(self.batch, site.by_clip)


def run_stages(stages: list[Stage], crowd: Crowd, site: Running, *, kill: bool) -> float:
    """Open batches side by side, until all are closed; the seconds from the first task taken to the last that was paid.

    With `kill` the worker process is killed when a third and two thirds of the units are done.
    """
    over, failures = threading.Event(), []
    threads = [
        threading.Thread(
            target=_caught, args=(failures, over, work, Hands(worker, stage.batch.hit_type_id), stage.kind, crowd, over)
        )
        for stage in stages
        for worker in stage.crew
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    try:
        _see_through(stages, crowd, site, failures, len(threads), kill=kill)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return time.perf_counter() - began


def _see_through(
    stages: list[Stage], crowd: Crowd, site: Running, failures: list[BaseException], workers: int, *, kill: bool
) -> None:
    """Review what comes, and have the marketplace asked for what was sent, until every batch is closed."""
    from annotation.models import Assignment, Batch, Hit

    batches, units = [stage.batch for stage in stages], sum(stage.units for stage in stages)
    answers, done = Assignment.objects.filter(hit__batch__in=batches), Hit.objects.filter(batch__in=batches)
    already = crowd.sent
    kills = [units // 3, 2 * units // 3] if kill else []
    deadline, asked = time.monotonic() + STAGE_ENDS_S, 0.0
    while any(batch.state != Batch.State.CLOSED for batch in batches):
        at_rest = crowd.idle >= workers
        time.sleep(LOOKS_AT_REST_S if at_rest else LOOKS_EVERY_S)
        if failures:
            raise failures[0]
        pause = FOLLOW_AT_REST_S if at_rest else FOLLOW_EVERY_S
        if time.monotonic() - asked > pause and crowd.sent - already > answers.count():
            _ask_for_answers(pause)
            asked = time.monotonic()
        review(batches, crowd)
        if kills and done.filter(state=Hit.State.DONE).count() >= kills[0]:
            kills.pop(0)
            site.kill_worker()
        for batch in batches:
            batch.refresh_from_db()
            _not_too_late(deadline, batch)


def _ask_for_answers(expires_s: float) -> None:
    """What the sweeper does each minute. A pass that has not begun when the next is due is one too many, as there."""
    from celery import current_app

    current_app.send_task("annotation.tasks.follow_crowd", kwargs={"environment": "local"}, expires=max(expires_s, 1.0))


def _not_too_late(deadline: float, batch: Any) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(f"{batch} is {batch.state} after {STAGE_ENDS_S:g} s: {batch.error}")


def _caught(failures: list[BaseException], over: threading.Event, job: Any, *arguments: Any) -> None:
    try:
        job(*arguments)
    except (RuntimeError, OSError, KeyError, IndexError) as error:
        failures.append(error)
        over.set()


def differences(rows: list[Row]) -> list[str]:
    """What the accepted items and the money are not: empty where all is as it should be."""
    from annotation.crowd.client import Crowd as Gateway
    from annotation.crowd.reconcile import complete
    from annotation.models import Assignment, Finding, LedgerEntry, Query, Question, Reconciliation, Segment
    from annotation.review import ledger

    complete(Reconciliation.objects.create(environment="local").pk)
    found = []
    moments = set(Segment.objects.values_list("clip__video__public_id", "clip__start", "start", "end"))
    if moments != {(row.video, row.first, *row.moment.values()) for row in rows}:
        found.append("the accepted moments are not those of the source")
    place = "segment__clip__video__public_id", "segment__clip__start", "text"
    queries = set(Query.objects.values_list(*place))
    if queries != {(row.video, row.first, dict(row.written)["query"]) for row in rows if row.kind == "query"}:
        found.append("the accepted queries are not those of the source")
    asked = Question.objects.order_by("pk")
    questions = {
        (*key, *question.answers.order_by("position").values_list("text", flat=True))
        for question, key in zip(asked, asked.values_list(*place), strict=True)
    }
    if questions != {(row.video, row.first, *(text for _, text in row.written)) for row in rows if row.kind == "qa"}:
        found.append("the accepted questions are not those of the source")
    totals = ledger.totals()
    spent = Decimal("10000.00") - Gateway("local").balance()
    if (totals["spent"], totals["held"]) != (spent, 0):
        found.append(f"the ledger says ${totals['spent']} spent and ${totals['held']} held, the account ${spent} spent")
    approved = Assignment.objects.filter(state=Assignment.State.APPROVED).count()
    if approved != 2 * len(rows) or LedgerEntry.objects.filter(kind="reward").count() != approved:
        found.append(f"{approved} answers are approved, {2 * len(rows)} were ordered")
    found += [f"finding: {finding}" for finding in Finding.objects.all()]
    return found


def replay(folder: Path, annotations: int, workers: int, seed: int, home: Path) -> tuple[dict[str, float], list[str]]:
    """Figures, and what is not as it should be."""
    site = start_site(home)
    try:
        import django

        django.setup()
        from annotation.crowd.client import Crowd as Gateway
        from annotation.crowd.workers.enrolment import group_qualification
        from annotation.models import Worker
        from annotation.review import ledger

        rows = read(folder, annotations // 2, seed)
        insert(rows)
        site.by_clip = {row.clip: row for row in rows}
        gateway, crews = Gateway("local"), {}
        type_id = group_qualification(gateway, "local").qualification_type_id
        for kind, number in GROUP.items():
            crews[kind] = [site.marketplace.worker() for _ in range(workers)]
            for worker in crews[kind]:
                Worker.objects.create(environment="local", worker_id=worker.id, group=kind)
                gateway.client.associate_qualification_with_worker(
                    QualificationTypeId=type_id, WorkerId=worker.id, IntegerValue=number
                )
        crowd = Crowd(seed)
        halves = {kind: sum(row.kind == kind for row in rows) for kind in ("query", "qa")}
        marks = [Stage("segment", "", len(rows), crews["segment"])]
        texts = [
            Stage("query", "how2r", halves["query"], crews["query"]),
            Stage("qa", "how2qa", halves["qa"], crews["qa"]),
        ]
        seconds, processor_s = 0.0, Counter[str]()
        for stages, kill in ((marks, True), (texts, False)):
            for stage in stages:
                stage.launch(crowd, site)
            processor_s.subtract(site.processor_s())
            seconds += run_stages(stages, crowd, site, kill=kill)
            processor_s.update(site.processor_s())
        wrong = differences(rows)
        if site.killed != 2:
            wrong.append(f"the worker was killed {site.killed} times, not twice")
        figures = {
            "annotations accepted": 2 * len(rows),
            "answers sent": crowd.sent,
            "of them spam": len(crowd.spammed),
            "of them sent twice": crowd.twice,
            "seconds": seconds,
            "answers a second, from taking to paying": crowd.sent / seconds,
            "processor time an answer, ms, workers and all": 1000 * processor_s.total() / crowd.sent,
            **{f"- {name}": 1000 * spent / crowd.sent for name, spent in processor_s.most_common(LARGEST)},
            "spent, US dollars": float(ledger.totals()["spent"]),
        }
        return figures, wrong
    finally:
        from benchmark_site.local import embedded

        embedded.stop(site.supervisor, "SIGTERM", timeout_s=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = os.environ.get("BENCH_SHARED", "../shared")
    parser.add_argument(
        "--data", type=Path, default=Path(shared) / "data/how2", help="folder with the released CSV files"
    )
    parser.add_argument("--annotations", type=int, default=2000, help="accepted in the end (default %(default)s)")
    parser.add_argument("--workers", type=int, default=8, help="at once, in each group (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="replay-") as home:
        os.chmod(home, 0o755)  # PostgreSQL's user enters it
        figures, wrong = replay(options.data, options.annotations, options.workers, options.seed, Path(home))
    table = Table("measured", "value", title=f"{os.cpu_count()} cores for the site and its workers")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.1f}" if value % 1 else f"{value:,.0f}")
    Console().print(table)
    for line in wrong:
        print(f"WRONG: {line}")
    print("everything equals its source and the ledger" if not wrong else f"{len(wrong)} things are wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
