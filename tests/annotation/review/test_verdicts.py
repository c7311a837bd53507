"""What a verdict makes of an answer, without a marketplace: it hears of it only after the transaction."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from annotation.models import Assignment, Hit, Query, Question, Segment, Worker
from annotation.models.crowd import Kind
from annotation.models.items import content_id
from annotation.review.verdicts import Verdict, decide

pytestmark = pytest.mark.django_db
TEXT = "a red ball rolls slowly over the green floor"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def accept(hit: Hit, payload: dict[str, str]) -> Assignment:
    number = Assignment.objects.count()
    worker = Worker.objects.create(environment="local", worker_id=f"AW{number}", group=hit.batch.kind)
    assignment = Assignment.objects.create(
        hit=hit, worker=worker, assignment_id=f"A{number}", answer="", payload=payload, submitted_at=NOW
    )
    return decide(assignment.pk, Verdict.USE, None)


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
