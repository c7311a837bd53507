"""What a verdict makes of an answer, without a marketplace: it hears of it only after the transaction."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from django.conf import settings

from annotation.models import Assignment, Hit, Query, Question, Segment, Worker
from annotation.models.crowd import Kind
from annotation.models.items import content_id
from annotation.review.verdicts import Verdict, decide

pytestmark = pytest.mark.django_db
TEXT = "a red ball rolls slowly over the green floor"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def collected(hit: Hit, payload: dict[str, Any]) -> Assignment:
    number = Assignment.objects.count()
    worker = Worker.objects.create(environment="local", worker_id=f"AW{number}", group=hit.batch.kind)
    return Assignment.objects.create(
        hit=hit, worker=worker, assignment_id=f"A{number}", answer="", payload=payload, submitted_at=NOW
    )


def accept(hit: Hit, payload: dict[str, Any]) -> Assignment:
    return decide(collected(hit, payload).pk, Verdict.USE, None)


@pytest.mark.parametrize(("start", "end"), [(5.0, 12.0), (14.0, 21.5)])
def test_the_id_of_a_query_tells_nothing_of_its_moment(
    make_hit: Callable[..., Hit], segment: Segment, start: float, end: float
) -> None:
    Segment.objects.update(start=start, end=end)
    accept(make_hit(Kind.QUERY, segment=segment), {"query": TEXT, "based_on": "v"})
    assert Query.objects.get().public_id == content_id(TEXT)


def test_two_queries_of_one_text_have_two_ids(make_hit: Callable[..., Hit], segment: Segment) -> None:
    other = Segment.objects.create(public_id=2, clip=segment.clip, start=14.0, end=20.0)
    for place in (segment, other):
        accept(make_hit(Kind.QUERY, segment=place), {"query": TEXT, "based_on": "v"})
    assert len(set(Query.objects.values_list("public_id", flat=True))) == 2


@pytest.mark.parametrize("again", [TEXT, TEXT.upper() + " !"])
def test_the_same_words_about_one_moment_are_paid_and_not_used(
    make_hit: Callable[..., Hit], segment: Segment, again: str
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    assert accept(hit, {"query": TEXT, "based_on": "v"}).used
    second = accept(hit, {"query": again, "based_on": "v"})
    assert second.state == Assignment.State.APPROVING
    assert not second.used
    assert Query.objects.count() == 1


@pytest.mark.parametrize(
    ("start", "end", "votes"),
    [
        (5.0, 13.0, [2]),
        (5.0, 15.0, [2]),
        (6.0, 12.9, [2]),
        (5.0, 15.1, [1, 1]),
        (7.2, 12.0, [1, 1]),
        (12.0, 19.0, [1, 1]),
    ],
)
def test_two_marks_are_one_moment_from_seven_tenths_of_overlap_on(
    make_hit: Callable[..., Hit], start: float, end: float, votes: list[int]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    assert accept(hit, {"start": 5.0, "end": 12.0}).used
    assert accept(hit, {"start": start, "end": end}).used == (len(votes) == 2)
    assert list(Segment.objects.order_by("pk").values_list("votes", flat=True)) == votes


@pytest.mark.parametrize("verdict", [Verdict.USE, Verdict.PAY, Verdict.REJECT])
def test_every_verdict_is_sent_on_once_it_is_committed(
    make_hit: Callable[..., Hit], django_capture_on_commit_callbacks: Callable[..., Any], verdict: Verdict
) -> None:
    assignment = collected(make_hit(Kind.SEGMENT), {"start": 5.0, "end": 12.0})
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.delete("default")
        with django_capture_on_commit_callbacks(execute=True):
            decide(assignment.pk, verdict, None, "please mark one moment")
            assert broker.llen("default") == 0
        (message,) = (json.loads(raw) for raw in broker.lrange("default", 0, -1))
        broker.delete("default")
    assert message["headers"]["task"] == "annotation.tasks.push_decision"
    assert message["headers"]["kwargsrepr"] == repr({"assignment_id": assignment.pk})


def test_a_question_keeps_its_answers_in_the_order_of_the_form(make_hit: Callable[..., Hit], segment: Segment) -> None:
    payload = {"question": "What rolls?", "correct": "a ball", "wrong_1": "x", "wrong_2": "y", "wrong_3": "z"}
    accept(make_hit(Kind.QA, segment=segment), payload)
    answers = Question.objects.get().answers.all()
    assert [(answer.text, answer.correct) for answer in answers] == [
        ("a ball", True),
        ("x", False),
        ("y", False),
        ("z", False),
    ]


def test_a_broken_clip_is_paid_and_makes_no_item(make_hit: Callable[..., Hit]) -> None:
    row = accept(make_hit(Kind.SEGMENT), {"broken": "does not play"})
    assert (row.state, row.used) == (Assignment.State.APPROVING, False)
