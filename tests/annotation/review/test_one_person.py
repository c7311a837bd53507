"""Whoever is asked about a unit twice is one person: in votes, in human accuracy, in what two people doubt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from annotation.models import Assignment, Doubt, Hit, Question, Segment, Validation, Worker
from annotation.models.crowd import Kind
from annotation.review import verdicts
from annotation.review.human_accuracy import doubted_questions, human_accuracy, looked_at
from annotation.review.verdicts import Verdict
from benchmark_site.releases.quality.rulings import read_rulings
from tests.annotation.review.test_human_accuracy import ask
from tests.annotation.review.test_quality_flags import store

pytestmark = pytest.mark.django_db
FIVE_TO_TWELVE, NEARLY = {"start": 5.0, "end": 12.0}, {"start": 5.0, "end": 11.5}


@pytest.fixture
def attempts(make_hit: Callable[..., Hit]) -> Callable[..., list[Hit]]:
    """Two HITs about one unit, as *Ask again* makes them."""

    def make(kind: Kind, **unit: Any) -> list[Hit]:
        first = make_hit(kind)
        Hit.objects.filter(pk=first.pk).update(**unit)
        first.refresh_from_db()
        again = {"attempt": 2, "request_token": "again", "hit_id": "again", "state": Hit.State.OPEN, "wanted": 2}
        unit = {"clip": first.clip, "segment": first.segment, "question": first.question, "doubt": first.doubt}
        return [first, Hit.objects.create(batch=first.batch, **unit, **again)]

    return make


def use(hit: Hit, worker_id: str, payload: dict[str, Any]) -> Assignment:
    worker, _ = Worker.objects.get_or_create(environment="local", worker_id=worker_id, group=Kind.SEGMENT)
    return verdicts.decide(store(hit, worker, payload).pk, Verdict.USE, None)


def test_a_doubt_that_one_person_shares_twice_stays(attempts: Callable[..., list[Hit]], segment: Segment) -> None:
    question = ask(segment)
    doubt = Doubt.objects.create(question=question, text="a globe")
    first, again = attempts(Kind.VALIDATE, clip=None, segment=segment, question=question, doubt=doubt)
    shares = {"choice": 0, "also": Validation.DOUBTED}
    use(first, "AW1", shares)
    use(again, "AW1", shares)
    (found,) = looked_at(Doubt.objects.all())
    assert (found.right, found.asked) == (1, 1)
    assert read_rulings().refused == {}
    use(again, "AW2", shares)
    (found,) = looked_at(Doubt.objects.all())
    assert (found.right, found.asked) == (2, 2)
    assert read_rulings().refused == {question.public_id: {"a globe"}}


def test_of_one_persons_answers_to_a_question_the_first_is_counted(
    attempts: Callable[..., list[Hit]], segment: Segment
) -> None:
    question = ask(segment)
    first, again = attempts(Kind.VALIDATE, clip=None, segment=segment, question=question)
    for hit, name, choice in ((first, "AW1", 1), (again, "AW1", 1), (again, "AW2", 0)):
        use(hit, name, {"choice": choice, "also": -1})
    found = human_accuracy(Validation.objects.all())
    assert (found.questions, found.answers, found.right) == (1, 2, 1)
    assert not doubted_questions(Question.objects.all()).exists(), "one person alone"
    use(first, "AW3", {"choice": 1, "also": -1})
    (doubted,) = doubted_questions(Question.objects.all())
    assert (doubted.against, doubted.asked) == (2, 3)


def test_nobody_votes_for_a_moment_of_his_own(attempts: Callable[..., list[Hit]]) -> None:
    first, again = attempts(Kind.SEGMENT)
    use(first, "AW1", FIVE_TO_TWELVE)
    own = use(again, "AW1", NEARLY)
    assert (own.used, own.vote_for, Segment.objects.get().votes) == (False, None, 1)
    use(first, "AW2", NEARLY)
    use(again, "AW2", FIVE_TO_TWELVE)
    assert Segment.objects.get().votes == 2
