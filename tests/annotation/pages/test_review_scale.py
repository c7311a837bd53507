"""Pages with 200,000 answers in the database, and a thousand answers in one sitting."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from annotation.models import Assignment, Batch, Clip, Hit, Query, Question, Segment, Worker
from annotation.models.crowd import MARKING, Kind
from annotation.review import verdicts
from tests.annotation.pages.task.test_task_page import frame_url, parameters, task_token
from tests.annotation.pages.test_review_page import desk, give, reviewer  # noqa: F401  (fixtures)
from tests.annotation.review.items.test_items import payload_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ANSWERS, UNITS, WORKERS = 200_000, 20_000, 500
MOST_QUERIES, MOST_S, ROUNDS = 20, 0.150, 3
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def fill(clip: Clip) -> Batch:
    """One batch of 20,000 segments with 10 answers each; a tenth was reviewed, a fifth has evidence."""
    values = {"kind": Kind.QUERY, "reward": 1, "budget": 999_999, "state": Batch.State.OPEN, "hit_type_id": "T"}
    batch = Batch.objects.create(name="large", **values)
    clips = Clip.objects.bulk_create(
        Clip(video=clip.video, start=30.0 * n, end=30.0 * n + 30) for n in range(1, UNITS // 4 + 1)
    )
    segments = Segment.objects.bulk_create(
        Segment(public_id=n, clip=clips[n // 4], start=1.0 + n % 4, end=20.0) for n in range(UNITS)
    )
    hits = Hit.objects.bulk_create(
        Hit(batch=batch, segment=one, request_token=f"t{n}", hit_id=f"H{n}", wanted=10, state=Hit.State.OPEN)
        for n, one in enumerate(segments)
    )
    workers = Worker.objects.bulk_create(
        Worker(environment="local", worker_id=f"AW{n}", group=Kind.QUERY, gold_answers=n % 7, gold_right=n % 7 // 2)
        for n in range(WORKERS)
    )
    person = User.objects.get()
    for first in range(0, ANSWERS, 20_000):
        Assignment.objects.bulk_create(_answer(hits, workers, person, n) for n in range(first, first + 20_000))
    analyze()
    Batch.objects.filter(pk=batch.pk).update(reviewed=ANSWERS // 10)
    return batch


def analyze() -> None:
    """As autovacuum does by itself, soon after so many rows."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def pile(kind: Kind, clip: Clip, presses: int) -> Batch:
    """A batch of this kind, with clean answers for so many presses of B; every second mark is a vote."""
    values = {"kind": kind, "reward": 1, "budget": 999_999, "state": Batch.State.OPEN, "hit_type_id": kind}
    batch = Batch.objects.create(name=kind, **values)
    units = presses * verdicts.BULK // 10
    places: list[dict[str, Any]] = [{"clip": one} for one in Clip.objects.exclude(pk=clip.pk)[:units]]
    if kind not in MARKING:
        places = [{"segment": one} for one in Segment.objects.all()[:units]]
    hits = Hit.objects.bulk_create(
        Hit(batch=batch, request_token=f"{kind}{n}", hit_id=f"{kind}{n}", wanted=10, state=Hit.State.OPEN, **place)
        for n, place in enumerate(places)
    )
    workers = Worker.objects.bulk_create(Worker(environment="local", worker_id=f"{kind}{n}") for n in range(10))
    Assignment.objects.bulk_create(
        Assignment(
            hit=hit, worker=worker, assignment_id=f"{hit.hit_id}-{n}", answer="", submitted_at=NOW,
            payload=payload_of(kind, 4.0 * (n // 2) + 0.1 * n, f"a red ball {hit.pk} rolls {n} times over the floor"),
        )
        for hit in hits for n, worker in enumerate(workers)
    )  # fmt: skip
    analyze()
    return batch


def _answer(hits: list[Hit], workers: list[Worker], person: User, n: int) -> Assignment:
    reviewed = n < ANSWERS // 10
    return Assignment(
        hit=hits[n // 10],
        worker=workers[(n // 10 * 7 + n % 10 * 41) % WORKERS],
        assignment_id=f"A{n}",
        answer="",
        payload={"query": f"a red ball number {n} rolls slowly over the floor", "based_on": "v"},
        evidence=["odd"] if n % 5 == 0 else [],
        state=Assignment.State.APPROVED if reviewed else Assignment.State.SUBMITTED,
        used=reviewed,
        submitted_at=NOW + timedelta(seconds=n),
        reviewed_at=NOW if reviewed else None,
        reviewed_by=person if reviewed else None,
        tell_at=NOW if reviewed else None,
    )


class Watch:
    """How long requests take, and how often they ask the database; what is too slow or asks too often is kept."""

    def __init__(self) -> None:
        self.over: dict[str, tuple[float, int]] = {}

    def measure(self, name: str, act: Callable[[], HttpResponse], status: int = 200) -> None:
        """The median of eleven requests after a first one. What is too slow is measured again, twice at most: other
        programs of the machine come and go.
        """
        for _ in range(ROUNDS):
            took, asked = _medians(act, status)
            print(f"{name}: median {1000 * took:.0f} ms, {asked} queries")
            if took <= MOST_S and asked <= MOST_QUERIES:
                return
        self.over[name] = took, asked


def _medians(act: Callable[[], HttpResponse], status: int) -> tuple[float, int]:
    taken, queries = [], []
    for _ in range(12):
        began = time.perf_counter()
        with CaptureQueriesContext(connection) as asked:
            assert act().status_code == status
        taken.append(time.perf_counter() - began)
        queries.append(len(asked))
    return statistics.median(taken[1:]), max(queries)


@pytest.mark.django_db
def test_pages_stay_quick_with_200000_answers(clip: Clip, desk: Client) -> None:  # noqa: F811
    batch, watch = fill(clip), Watch()
    User.objects.update(is_superuser=True)
    review = f"/batches/{batch.pk}/review/"
    addresses = ["/batches/", f"/batches/{batch.pk}/", review]
    addresses += [f"{review}?after={Assignment.objects.all()[ANSWERS // 2].pk}"]
    addresses += [Worker.objects.all()[WORKERS // 2].get_absolute_url()]
    for address in addresses:
        watch.measure(address, partial(desk.get, address))
    waiting = iter(verdicts.waiting(batch.pk)[: 4 * 12 * ROUNDS])
    for verdict in ("use", "pay", "reject"):
        watch.measure(verdict, partial(decide, desk, waiting, verdict), 302)
    shown = {"up_to": Assignment.objects.latest("pk").pk}
    bulk: Callable[[], HttpResponse] = partial(desk.post, f"{review}clean/", shown)  # type: ignore[assignment]
    undo: Callable[[], HttpResponse] = partial(desk.post, f"{review}undo/")  # type: ignore[assignment]
    watch.measure("undo of a rejection", undo, 302)
    watch.measure(f"B, {verdicts.BULK} answers", bulk, 302)
    watch.measure("undo of a B", undo, 302)
    assert watch.over == {}


@pytest.mark.django_db
def test_the_review_of_a_late_batch_stays_quick_whatever_answers_become(
    clip: Clip,
    desk: Client,  # noqa: F811
) -> None:
    """After 200,000 answers to another batch: the pages, a press of B and its undo. Also where a task rests on every
    tenth of the moments and questions, so that these stay.
    """
    fill(clip)
    User.objects.update(is_superuser=True)
    watch = Watch()
    for kind in (Kind.SEGMENT, Kind.COMBINED, Kind.QA):
        batch = pile(kind, clip, presses=2 * 12 * ROUNDS)
        newest = batch.assignments.latest("pk").pk
        for held in (False, True):
            said = f"{kind}{', some rested on' if held else ''}"
            for page in (f"/batches/{batch.pk}/", f"/batches/{batch.pk}/review/"):
                watch.measure(f"{page}, {said}", partial(desk.get, page))
            watch.measure(f"B of {verdicts.BULK}, {said}", partial(press_b, desk, batch, newest), 302)
            if held:
                rest_on_some(batch)
            presses = presses_of_z(batch)
            watch.measure(f"undo of it, {said}", partial(press_z, desk, batch, presses), 302)
    assert watch.over == {}


def press_b(desk: Client, batch: Batch, newest: int) -> HttpResponse:  # noqa: F811
    desk.cookies.pop("messages", None)  # a person has read them
    return desk.post(f"/batches/{batch.pk}/review/clean/", {"up_to": newest})  # type: ignore[return-value]


def press_z(desk: Client, batch: Batch, presses: Iterator[dict[str, int]]) -> HttpResponse:  # noqa: F811
    desk.cookies.pop("messages", None)
    return desk.post(f"/batches/{batch.pk}/review/undo/", next(presses))  # type: ignore[return-value]


def made_by(batch: Batch) -> type[Question] | type[Segment]:
    return Question if batch.kind == Kind.QA else Segment


def rest_on_some(batch: Batch) -> None:
    """A task about every tenth moment or question that the batch's answers have become."""
    kind = Kind.VALIDATE if batch.kind == Kind.QA else Kind.QUERY
    later = Batch.objects.create(name=f"about {batch}", kind=kind, reward=1, budget=999)
    made = made_by(batch)._default_manager.filter(assignment__batch=batch).order_by("pk")
    places = [{"question": one, "segment": one.segment} if kind == Kind.VALIDATE else {"segment": one}
              for one in made[::10]]  # fmt: skip
    Hit.objects.bulk_create(
        Hit(batch=later, request_token=f"{later}{n}", wanted=1, **place) for n, place in enumerate(places)
    )


def presses_of_z(batch: Batch) -> Iterator[dict[str, int]]:
    """What Z sends, press by press: of those that were used together, where some stay, one that does."""
    answers = Assignment.objects.filter(batch=batch, reviewed_at__isnull=False)
    rested_on = {f"{made_by(batch)._meta.model_name}__hits__isnull": False}
    stays = dict(answers.filter(**rested_on).values_list("reviewed_at", "pk"))
    together = list(answers.order_by("-reviewed_at").values_list("reviewed_at", flat=True).distinct())
    first: list[dict[str, int]] = [{}]
    return chain(first, ({"before": stays[at]} if at in stays else {} for at in together), repeat({}))


@pytest.mark.django_db
def test_work_stays_quick_with_200000_answers(clip: Clip, desk: Client) -> None:  # noqa: F811
    hit, watch = fill(clip).hits.all()[UNITS // 2], Watch()
    address = frame_url(hit)
    shown = {"hitId": hit.hit_id or ""}
    token = task_token(desk, hit, **shown)
    watch.measure("task", partial(desk.get, f"{address}?{urlencode(parameters(**shown))}"))
    versions = iter(range(12 * ROUNDS))
    watch.measure("draft", lambda: save_draft(desk, address, token, next(versions)))
    answer = {"token": token, "query": "a red ball rolls slowly over the green floor", "based_on": "v"}
    watch.measure("answer", partial(desk.post, address, answer))  # type: ignore[arg-type]
    assert watch.over == {}


def decide(desk: Client, waiting: Iterator[Assignment], verdict: str) -> HttpResponse:  # noqa: F811
    asked = {"verdict": verdict, "feedback": "it describes another moment"}
    return desk.post(f"/assignments/{next(waiting).pk}/decide/", asked)  # type: ignore[return-value]


def save_draft(desk: Client, address: str, token: str, version: int) -> HttpResponse:  # noqa: F811
    fields = json.dumps({"query": f"a red ball rolls {version} times"})
    sent = {"token": token, "version": version, "fields": fields, "conduct": ""}
    return desk.post(f"{address}draft/", sent)  # type: ignore[return-value]


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_a_thousand_answers_take_at_most_2500_inputs(
    browser: Browser,
    live_server: LiveServer,
    desk: Client,  # noqa: F811
    film: Clip,
    segment: Segment,
    make_hit: Callable[..., Hit],
) -> None:
    """A person who uses what is clean together, and looks at each of the others; every seventh of those is rejected."""
    hit = make_hit(Kind.QUERY, segment=segment)
    for n in range(1000):
        text = f"a red ball of size {n} rolls slowly over the floor"
        give(hit, {"query": text, "based_on": "v"}, ["odd"] if n % 10 == 0 else [])
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    cookie = {"name": "bench_session", "value": desk.cookies["bench_session"].value, "url": live_server.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    page.goto(f"{live_server.url}/batches/{hit.batch_id}/review/")
    inputs, waiting = 0, 1000

    def press(keys: str, done: int) -> None:
        nonlocal inputs, waiting
        for key in keys.split():
            page.keyboard.press(key)
            inputs += 1
        waiting -= done
        page.get_by_text(f"{waiting} answer{'s' if waiting != 1 else ''} waiting").wait_for()
        page.wait_for_load_state("domcontentloaded")  # keys work from then on: the line is drawn a little earlier

    while waiting > 100:
        press("b", min(verdicts.BULK, waiting - 100))
    for n in range(100):
        press("r 2 Enter" if n % 7 == 6 else "u", 1)
    context.close()
    print(f"{inputs} inputs")
    assert inputs <= 2500
    assert Query.objects.count() == 900 + 86
