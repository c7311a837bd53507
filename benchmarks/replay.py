"""Real annotations through the whole system: launched, worked on, collected, reviewed, paid; compared with the source.

    python -m benchmarks.replay --data ../shared/data/how2 [--annotations 2000] [--workers 4]

Rows of How2R and How2QA are the annotators' knowledge. Each gives two annotations: its moment is marked in the first
stage, its query or question written in the second. The site runs as `make up` starts it, in a folder of its own.
Workers use its pages over HTTP. The first answer to one task in ten is spam, which the reviewer rejects and the
platform asks for again; one answer in twenty is sent twice; the process of the Celery worker is killed twice. Printed:
how many a second, and whether what was accepted equals its source and what was spent equals the ledger. Ends with
status 1 where it does not.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from tests.marketplace.site import Page, Site, WorkerBrowser, free_port

CLIP_S = 60.0
SPAM, TWICE = 0.1, 0.05
GROUP = {"segment": 1, "query": 2, "qa": 3}
REWARD = "0.12"
SITE_STARTS_S = 300.0
STAGE_ENDS_S = 3600.0


@dataclass(frozen=True)
class Row:
    """One row of a source: a moment, in seconds of the film and of its clip, and what was written about it."""

    kind: str
    video: str
    first: float
    start: float
    end: float
    written: tuple[tuple[str, str], ...]

    @property
    def clip(self) -> str:
        return f"{self.video} {self.first:g}"

    @property
    def moment(self) -> dict[str, float]:
        return {"start": round(self.start - self.first, 3), "end": round(self.end - self.first, 3)}


@dataclass
class Crowd:
    """What all workers share: the right answers by HIT id, the draw, and what was done."""

    seed: int
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: int = 0
    spammed: set[str] = field(default_factory=set)
    twice: int = 0
    busy: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, what: str, share: float) -> bool:
        """The same draw for the same answer, whoever is first."""
        digest = hashlib.sha256(f"{self.seed}|{what}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32 < share


def read(folder: Path, rows_wanted: int, seed: int) -> list[Row]:
    """Rows that the forms take, one for a clip and half of each source. Exits where the source has too few."""
    from annotation.review.text.text_rules import MIN_SEGMENT_S, QUERY_WORDS, fold, normalise, words

    def span(text: str) -> tuple[float, float]:
        start, end = re.fullmatch(r"\[([\d.]+):([\d.]+)\]", text).groups()  # type: ignore[union-attr]
        return float(start), float(end)

    found: dict[str, dict[str, Row]] = {"query": {}, "qa": {}}
    with (folder / "how2R_val_release.csv").open(encoding="utf-8", newline="") as lines:
        for video, window, moment, query in csv.reader(lines):
            text = normalise(query)
            if QUERY_WORDS[0] <= len(words(text)) <= QUERY_WORDS[1]:
                written = (("query", text), ("based_on", "v"))
                row = Row("query", f"r-{_public(video)}", span(window)[0], *span(moment), written)
                found["query"].setdefault(row.clip, row)
    with (folder / "how2QA_val_release.csv").open(encoding="utf-8", newline="") as lines:
        for video, moment, *wrong, question, right in csv.reader(lines):
            options = [normalise(option) for option in (right, *wrong)]
            text, (start, end) = normalise(question), span(moment)
            names = ("correct", "wrong_1", "wrong_2", "wrong_3")
            if text.endswith("?") and len({fold(option) for option in options} - {""}) == 4:
                written = (("question", text), *zip(names, options, strict=True))
                first = CLIP_S * ((start + end) / 2 // CLIP_S)
                row = Row("qa", f"q-{_public(video)}", first, start, end, written)
                found["qa"].setdefault(row.clip, row)
    chosen = []
    for rows in found.values():
        fit = [
            row for row in rows.values()
            if row.first <= row.start and row.end <= row.first + CLIP_S and row.end - row.start >= MIN_SEGMENT_S
        ]  # fmt: skip
        random.Random(seed).shuffle(fit)
        chosen += fit[: rows_wanted // 2]
    if len(chosen) < rows_wanted:
        sys.exit(f"{folder} has {2 * len(chosen)} annotations that the forms take, {2 * rows_wanted} are wanted")
    return chosen


def _public(video: str) -> str:
    return re.sub(r"[^\w-]", "-", video)


def insert(rows: list[Row]) -> None:
    """Films without pictures: nobody looks at them here."""
    from annotation.models import Clip, Video

    names = sorted({row.video for row in rows})
    Video.objects.bulk_create(
        Video(
            public_id=name,
            state=Video.State.READY,
            sha256=hashlib.sha256(name.encode()).hexdigest(),
            duration=1e5,
            tags=["how2r" if name.startswith("r-") else "how2qa"],
        )
        for name in names
    )
    films = {video.public_id: video for video in Video.objects.all()}
    Clip.objects.bulk_create(
        Clip(video=films[row.video], start=row.first, end=row.first + CLIP_S, file="none.mp4") for row in rows
    )


def work(worker: WorkerBrowser, kind: str, hit_type: str, crowd: Crowd, over: threading.Event) -> None:
    """Take and do tasks until the stage is over."""
    while not over.is_set():
        page = worker.accept(hit_type)
        if page.frame is None:
            time.sleep(0.3)
            continue
        hit_id, name = page.parameter("hitId"), page.parameter("assignmentId")
        with crowd.busy:
            spam = crowd.draw(hit_id, SPAM) and hit_id not in crowd.spammed
            crowd.spammed |= {hit_id} if spam else set()
        answer = _spam(kind) if spam else crowd.answers[hit_id]
        task = Page(worker.frame.get(page.frame))
        if task.status != 200:
            raise RuntimeError(f"{page.frame} answered {task.status}: {task.text[:2000]}")
        token = {"token": task.forms[0]["fields"]["token"]}
        address = page.frame.partition("?")[0]
        twice = crowd.draw(f"twice {name}", TWICE)
        for _ in range(1 + twice):
            received = Page(worker.frame.post(address, data={**{k: str(v) for k, v in answer.items()}, **token}))
            if received.status != 200:
                raise RuntimeError(f"{address} answered {received.status}: {received.text[:2000]}")
            handed_on = received.forms[0]
            worker.frame.post(handed_on["url"], data=handed_on["fields"]).raise_for_status()
        with crowd.busy:
            crowd.sent, crowd.twice = crowd.sent + 1, crowd.twice + twice


def _spam(kind: str) -> dict[str, Any]:
    if kind == "segment":
        return {"start": 0.0, "end": CLIP_S}
    if kind == "query":
        return {"query": "good video nice video very good and nice video", "based_on": "v"}
    return {"question": "what?", "correct": "a", "wrong_1": "b", "wrong_2": "c", "wrong_3": "d"}


def right_answers(batch: Any, by_clip: dict[str, Row]) -> dict[str, dict[str, Any]]:
    """What the source says, by HIT id."""
    answers = {}
    for hit in batch.hits.select_related("clip__video", "segment__clip__video"):
        row = by_clip[f"{hit.shown_clip.video.public_id} {hit.shown_clip.start:g}"]
        answers[hit.hit_id] = row.moment if hit.clip_id else dict(row.written)
    return answers


def review(batch: Any, crowd: Crowd) -> None:
    """Use what equals its source; reject the rest, and it is asked for again."""
    from annotation.models import Assignment
    from annotation.review import verdicts
    from annotation.review.verdicts import Verdict

    waiting = Assignment.objects.filter(hit__batch=batch, state=Assignment.State.SUBMITTED).select_related("hit")
    for answer in waiting:
        if answer.payload == crowd.answers[answer.hit.hit_id or ""]:
            verdicts.decide(answer.pk, Verdict.USE, None)
        else:
            verdicts.decide(answer.pk, Verdict.REJECT, None, "this is not what can be seen there")


def run_stage(
    kind: str, tag: str, units: int, crew: list[WorkerBrowser], crowd: Crowd, site: Running, *, kill: bool
) -> float:
    """One batch from draft to closed; the seconds from the first task that could be taken to the last that was paid."""
    from celery import current_app

    from annotation import campaigns
    from annotation.models import Batch

    draft = {"name": f"{kind} of {tag or 'all'}", "kind": kind, "tag": tag, "reward": REWARD, "assignments_per_hit": 1}
    batch = campaigns.draft({**draft, "budget": "1000.00"})
    costs = campaigns.cost(batch)
    if costs["units"] != units:
        raise RuntimeError(f"{costs['units']} units for {kind}, {units} are expected")
    campaigns.launch_for(batch.pk, str(costs["total"]))
    deadline = time.monotonic() + STAGE_ENDS_S
    while batch.state != Batch.State.OPEN:
        _not_too_late(deadline, batch)
        time.sleep(0.2)
        batch.refresh_from_db()
    crowd.answers |= right_answers(batch, site.by_clip)
    over, failures = threading.Event(), []
    threads = [
        threading.Thread(target=_caught, args=(failures, over, work, worker, kind, batch.hit_type_id, crowd, over))
        for worker in crew
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    kills = [units // 3, 2 * units // 3] if kill else []
    last = 0.0
    try:
        while batch.state != Batch.State.CLOSED:
            _not_too_late(deadline, batch)
            if failures:
                raise failures[0]
            if time.monotonic() - last > 1:
                current_app.send_task("annotation.tasks.follow_crowd", kwargs={"environment": "local"})
                last = time.monotonic()
            review(batch, crowd)
            if kills and batch.hits.filter(state="done").count() >= kills[0]:
                kills.pop(0)
                site.kill_worker()
            time.sleep(0.2)
            batch.refresh_from_db()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return time.perf_counter() - began


def _not_too_late(deadline: float, batch: Any) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(f"{batch} is {batch.state} after {STAGE_ENDS_S:g} s: {batch.error}")


def _caught(failures: list[BaseException], over: threading.Event, job: Any, *arguments: Any) -> None:
    try:
        job(*arguments)
    except (RuntimeError, httpx.HTTPError, KeyError, IndexError) as error:
        failures.append(error)
        over.set()


@dataclass
class Running:
    """The site as `make up` starts it."""

    supervisor: subprocess.Popen[bytes]
    marketplace: Site
    by_clip: dict[str, Row] = field(default_factory=dict)
    killed: int = 0

    def kill_worker(self) -> None:
        """The Celery worker with its pool, at once; the supervisor starts another one."""
        for process in psutil.Process(self.supervisor.pid).children():
            if "worker@%h" in process.cmdline():
                family = [process, *process.children(recursive=True)]
                for member in family:
                    member.kill()
                self.killed += 1


def start_site(home: Path) -> Running:
    """Raises RuntimeError where it is not ready in time."""
    from benchmark_site.local import embedded
    from benchmark_site.local.processes import die_with_parent
    from benchmark_site.local.supervisor import READY, site_environment

    os.environ.update(BENCH_HOME=str(home), PORT=str(free_port()), MARKETPLACE_PORT=str(free_port()))
    os.environ.update(site_environment(), DJANGO_SETTINGS_MODULE="benchmark_site.settings")
    log = home / "supervisor.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "benchmark_site.local.supervisor"]
        supervisor = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, preexec_fn=die_with_parent("SIGTERM")
        )
    deadline = time.monotonic() + SITE_STARTS_S
    while READY not in log.read_text().splitlines():
        if supervisor.poll() is not None or time.monotonic() > deadline:
            embedded.stop(supervisor, "SIGTERM", timeout_s=60)
            raise RuntimeError(f"the site did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)
    return Running(supervisor, Site(os.environ["MARKETPLACE_URL"], {}, 0, 0))


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
        crowd, seconds = Crowd(seed), 0.0
        halves = {kind: sum(row.kind == kind for row in rows) for kind in ("query", "qa")}
        stages = [("segment", "", len(rows), True), ("query", "how2r", halves["query"], False),
                  ("qa", "how2qa", halves["qa"], False)]  # fmt: skip
        for kind, tag, units, kill in stages:
            seconds += run_stage(kind, tag, units, crews[kind], crowd, site, kill=kill)
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
    parser.add_argument("--workers", type=int, default=4, help="at once, in each group (default %(default)s)")
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
