"""What many accepted answers become at once is what they become one after the other, in as many questions as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation.models import Assignment, Clip, Doubt, Hit, Query, Question, Segment, Validation, Worker
from annotation.models.crowd import MARKING, Kind
from annotation.models.items import content_id, free_ids
from annotation.review import corrections, verdicts
from annotation.review.items.making import MAKERS
from annotation.review.verdicts import UNDO_FOR, Verdict, decide
from tests.annotation.pages.test_review_page import desk, press, reviewer  # noqa: F401  (fixtures)
from tests.annotation.review.test_human_accuracy import ask

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEXT = "a red ball rolls slowly over the green floor"
OTHER = "somebody rolls a ball of red wool over the lawn"
OPTIONS = {"correct": "a ball", "wrong_1": "x", "wrong_2": "y", "wrong_3": "z"}
MOST_QUERIES = 20


@pytest.fixture
def units(clip: Clip, segment: Segment, make_hit: Callable[..., Hit]) -> Callable[[Kind], list[Hit]]:
    """Three units of a kind: two places, and the second of them asked again; the last of known answer."""

    def make(kind: Kind) -> list[Hit]:
        batch = make_hit(kind, segment=None if kind in MARKING else segment).batch
        Hit.objects.all().delete()
        other = Clip.objects.create(video=clip.video, start=30.0, end=60.0)
        far = Segment.objects.create(public_id=2, clip=other, start=2.0, end=9.0)
        places: list[dict[str, Any]] = [{"clip": clip}, {"clip": other}]
        if kind not in MARKING:
            places = [{"segment": segment}, {"segment": far}]
        if kind == Kind.VALIDATE:
            for number, place in enumerate(places):
                place["question"] = ask(place["segment"], number)
            places[1]["doubt"] = Doubt.objects.create(question=places[1]["question"], text="a marble")
        made = [*places, places[1] | {"attempt": 2}, places[0] | {"attempt": 2, "gold": True}]
        return [
            Hit.objects.create(batch=batch, request_token=f"u{n}", hit_id=f"U{n}", wanted=9, state="open", **place)
            for n, place in enumerate(made)
        ]

    return make


def send(hit: Hit, worker: str, payload: dict[str, Any]) -> Assignment:
    group = Kind(hit.batch.kind).group
    person, _ = Worker.objects.get_or_create(environment="local", worker_id=worker, defaults={"group": group})
    number = Assignment.objects.count()
    return Assignment.objects.create(
        hit=hit, worker=person, assignment_id=f"A{number}", answer="", payload=payload, submitted_at=NOW
    )


def payload_of(kind: Kind, start: float, text: str, place: int = 0) -> dict[str, Any]:
    """An answer of this kind, of what it uses of a start in seconds, a text and a place among options."""
    marked = {"start": start, "end": start + 7.0}
    return {
        Kind.SEGMENT: marked,
        Kind.QUERY: {"query": text, "based_on": "vt"},
        Kind.COMBINED: marked | {"query": text, "based_on": "vt"},
        Kind.QA: {"question": f"{text}?", **OPTIONS},
        Kind.VALIDATE: {"choice": "abcd"[place], "also": "none"},
    }[kind]


def sent(kind: Kind, hits: list[Hit]) -> list[Assignment]:
    """Answers that repeat each other, vote for each other and for what is known, from people who come twice."""
    first, second, again, gold = hits
    return [
        send(first, "AW0", payload_of(kind, 5.2, TEXT)),
        send(first, "AW1", payload_of(kind, 20.0, TEXT.upper(), 1)),
        send(first, "AW2", payload_of(kind, 20.5, OTHER, 2)),
        send(first, "AW3", {"broken": "does not play"}),
        send(first, "AW5", payload_of(kind, 5.1, "one more vote for the moment that was known before")),
        send(second, "AW0", payload_of(kind, 12.0, TEXT, 3)),
        send(second, "AW1", payload_of(kind, 12.1, OTHER)),
        send(again, "AW0", payload_of(kind, 12.2, OTHER.title())),
        send(again, "AW1", payload_of(kind, 2.0, "nothing of the kind is to be seen", 1)),
        send(gold, "AW4", payload_of(kind, 5.0, "a known answer makes no item of its own")),
    ]


def state() -> dict[str, list[Any]]:
    """All that verdicts make, without keys that the database counts."""
    rows = Assignment.objects.order_by("pk")
    return {
        "answers": list(rows.values_list("assignment_id", "state", "used", "vote_for__public_id", "feedback", "again")),
        "segments": list(
            Segment.objects.values_list("public_id", "start", "end", "votes", "assignment__assignment_id")
        ),
        "queries": list(
            Query.objects.values_list("public_id", "segment__public_id", "text", "type", "assignment__assignment_id")
        ),
        "questions": list(
            Question.objects.order_by("public_id", "answers__position").values_list(
                "public_id", "text", "answers__text", "answers__correct", "assignment__assignment_id"
            )
        ),
        "validations": list(
            Validation.objects.order_by("assignment").values_list("question__text", "choice", "also", "assignment")
        ),
    }


def after(act: Callable[[], object]) -> dict[str, list[Any]]:
    """How things would be after this."""
    with transaction.atomic():
        act()
        found = state()
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_bulk_makes_what_its_answers_make_one_after_the_other(
    kind: Kind,
    units: Callable[[Kind], list[Hit]],
    reviewer: User,  # noqa: F811
) -> None:
    rows = sent(Kind(kind), units(Kind(kind)))
    before = state()

    def singly() -> None:
        for row in rows:
            decide(row.pk, Verdict.USE, reviewer, tell_at=verdicts.timezone.now() + UNDO_FOR)

    def together() -> None:
        assert verdicts.use_clean(rows[0].hit.batch_id, rows[-1].pk, reviewer) == len(rows)

    def and_back() -> None:
        together()
        back, stay = verdicts.undo(rows[0].hit.batch_id, reviewer)
        assert (len(back), stay) == (len(rows), [])

    made = after(singly)
    used = [row[2] for row in made["answers"]]
    assert 1 < sum(used) < len(rows)
    assert not used[3], "a broken clip makes nothing"
    assert not used[-1], "nor does a unit of known answer"
    assert after(together) == made
    assert after(and_back) == before


@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_press_of_b_and_its_undo_ask_the_same_however_many_answers_there_are(
    kind: Kind,
    units: Callable[[Kind], list[Hit]],
    desk: Client,  # noqa: F811
) -> None:
    hit = units(Kind(kind))[1]
    asked: dict[str, list[int]] = {"clean": [], "undo": []}
    for first, last in ((0, 4), (4, 10)):  # each second is nearly at the same moment
        rows = [send(hit, f"AW{n}", payload_of(Kind(kind), n // 2 * 5.0, f"{TEXT} {n}")) for n in range(first, last)]
        for what, numbers in asked.items():
            with CaptureQueriesContext(connection) as queries:
                desk.post(f"/batches/{hit.batch_id}/review/{what}/", {"up_to": rows[-1].pk})
            numbers.append(len(queries))
        assert set(Assignment.objects.values_list("state", flat=True)) == {Assignment.State.SUBMITTED}
    print(kind, asked)
    assert asked["clean"][0] == asked["clean"][1] <= MOST_QUERIES
    assert asked["undo"][0] == asked["undo"][1] <= MOST_QUERIES


@pytest.mark.parametrize("kind", [Kind.SEGMENT, Kind.COMBINED, Kind.QA])
def test_an_undo_asks_the_same_however_many_of_its_answers_stay(
    kind: Kind,
    units: Callable[[Kind], list[Hit]],
    desk: Client,  # noqa: F811
    make_hit: Callable[..., Hit],
) -> None:
    """Every second moment or question has a task by then. Its answer stays, and no other."""
    hit, asked = units(kind)[1], []
    for first, last in ((0, 4), (4, 12)):
        rows = [send(hit, f"AW{n}", payload_of(kind, n * 12.0, f"{TEXT} {n}")) for n in range(first, last)]
        press(desk, hit, "clean", up_to=rows[-1].pk)
        for row in rows[::2]:
            made = Question.objects.get(assignment=row) if kind == Kind.QA else Segment.objects.get(assignment=row)
            task = make_hit(Kind.VALIDATE, segment=made.segment) if isinstance(made, Question) else None
            if task is None:
                make_hit(Kind.QUERY, segment=made)
            else:
                Hit.objects.filter(pk=task.pk).update(question=made)
        with CaptureQueriesContext(connection) as queries:
            desk.post(f"/batches/{hit.batch_id}/review/undo/")
        asked.append(len(queries))
        waiting = Assignment.objects.filter(state="submitted").values_list("pk", flat=True)
        assert set(waiting) == {row.pk for row in rows[1::2]}
        Assignment.objects.filter(pk__in=waiting).update(state="approved", reviewed_at=NOW)
    print(kind, asked)
    assert asked[0] == asked[1] <= MOST_QUERIES


def test_of_many_taken_back_those_stay_that_others_rest_on_and_those_that_these_rest_on(
    units: Callable[[Kind], list[Hit]],
    desk: Client,  # noqa: F811
    reviewer: User,  # noqa: F811
    make_hit: Callable[..., Hit],
) -> None:
    """The third's sentence is about the first's moment and withdrawn; somebody is asked about the sixth's moment."""
    hit = units(Kind.COMBINED)[0]
    starts = [2.0, 11.0, 2.5, 12.0, 20.0, 22.9]
    rows = [send(hit, f"AW{n}", payload_of(Kind.COMBINED, start, f"{TEXT} {n}")) for n, start in enumerate(starts)]
    press(desk, hit, "clean", up_to=rows[-1].pk)
    segments = dict(Query.objects.values_list("assignment__assignment_id", "segment"))
    names = [row.assignment_id for row in rows]
    assert segments[names[0]] == segments[names[2]] != segments[names[1]] == segments[names[3]]
    make_hit(Kind.QUERY, segment=Segment.objects.get(pk=segments[names[5]]))
    corrections.withdraw(Query.objects.get(assignment=rows[2]), "it is wrong", reviewer)
    said = press(desk, hit, "undo")
    assert "Taken back: 3 wait again" in said
    assert "3 of those that you decided together stay" in said
    waiting = set(Assignment.objects.filter(state="submitted").values_list("assignment_id", flat=True))
    assert waiting == {names[1], names[3], names[4]}
    kept = Segment.objects.filter(assignment__isnull=False).order_by("start")
    assert list(kept.values_list("assignment__assignment_id", "votes")) == [(names[0], 2), (names[5], 1)]


def test_ids_are_those_of_the_contents_or_the_next_ones_that_are_free(segment: Segment) -> None:
    first = content_id("a")

    def number(*taken: int) -> Iterator[Query]:
        for n in taken:
            yield Query(public_id=n, segment=segment, text=str(n), type="v")

    Query.objects.bulk_create(number(first + 1, first + 3))
    assert free_ids(Query, [("a",), ("b",), ("a",), ("a",)]) == [first, content_id("b"), first + 2, first + 4]
    Query.objects.bulk_create(number(first))
    assert free_ids(Query, [("a",)]) == [first + 2]
    assert free_ids(Query, []) == []


def test_a_press_uses_forty_and_the_next_press_the_rest(
    units: Callable[[Kind], list[Hit]],
    desk: Client,  # noqa: F811
) -> None:
    hit = units(Kind.QUERY)[0]
    workers = Worker.objects.bulk_create(Worker(environment="local", worker_id=f"AW{n}") for n in range(41))
    rows = Assignment.objects.bulk_create(
        Assignment(
            hit=hit, worker=worker, assignment_id=f"A{n}", answer="", submitted_at=NOW,
            payload=payload_of(Kind.QUERY, 0.0, f"{TEXT} {n}"),
        )
        for n, worker in enumerate(workers)
    )  # fmt: skip
    assert "Use the next 40 without evidence" in desk.get(f"/batches/{hit.batch_id}/review/").content.decode()
    for used in (40, 41):
        press(desk, hit, "clean", up_to=rows[-1].pk)
        assert Query.objects.count() == used
    assert "Taken back: 1 waits again" in press(desk, hit, "undo")
    assert "Taken back: 40 wait again" in press(desk, hit, "undo")
    assert not Query.objects.exists()
