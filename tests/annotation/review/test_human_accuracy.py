"""Workers who answer collected questions: what they see, what is kept, what it says of the questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from html import escape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from lxml import html

from annotation.crowd import launch
from annotation.crowd.workers import enrolment
from annotation.models import Answer, Assignment, Doubt, Hit, Query, Question, Segment, Validation, Worker
from annotation.models.crowd import Kind
from annotation.review import corrections, verdicts
from annotation.review.answer_forms import ValidationForm
from annotation.review.human_accuracy import doubted_questions, human_accuracy, looked_at
from annotation.review.reliability import measure_workers
from annotation.review.verdicts import Verdict
from tests.annotation.crowd.orders import make_batch
from tests.annotation.pages.task.test_task_page import frame_url, parameters, task_token
from tests.annotation.review.test_quality_flags import store

pytestmark = pytest.mark.django_db
TEXTS = ("a ball", "a cube", "a cat", "a car")


def ask(segment: Segment, number: int = 1) -> Question:
    question = Question.objects.create(public_id=number, segment=segment, text=f"What rolls ({number})?")
    Answer.objects.bulk_create(
        Answer(question=question, position=place, text=text, correct=place == 0) for place, text in enumerate(TEXTS)
    )
    return question


@pytest.fixture
def make_check(make_hit: Callable[..., Hit], segment: Segment) -> Callable[..., Hit]:
    def make(question: Question | None = None) -> Hit:
        question = question or ask(segment)
        hit = make_hit(Kind.VALIDATE, segment=None)
        Hit.objects.filter(pk=hit.pk).update(clip=None, segment=segment, question=question)
        return Hit.objects.select_related("question", "batch").get(pk=hit.pk)

    return make


def test_the_worker_sees_the_question_and_its_answers_in_an_order_of_no_meaning(
    client: Client, make_check: Callable[..., Hit], segment: Segment
) -> None:
    firsts = set()
    for number in range(8):
        hit = make_check(ask(segment, number))
        page = client.get(frame_url(hit), parameters()).content.decode()
        assert f"What rolls ({number})?" in page
        form = html.fromstring(page).xpath("//form[@data-role='task-form']")[0]
        shown = [label.text_content().strip() for label in form.xpath(".//fieldset[@class='choices']//label")]
        assert sorted(shown) == sorted([*TEXTS, "It cannot be told from this clip"])
        firsts.add(shown[0])
    assert len(firsts) > 1


def letter(hit: Hit, text: str) -> str:
    """By which the HIT's page names an answer."""
    return next(name for name, said in ValidationForm(hit=hit).fields["choice"].choices if said == text)  # type: ignore[attr-defined]


def test_a_choice_goes_by_a_letter_and_is_counted_by_its_place(client: Client, make_check: Callable[..., Hit]) -> None:
    hit = make_check()
    chosen = {"choice": letter(hit, "a cat"), "also": letter(hit, "a ball")}
    sent = client.post(frame_url(hit), {**chosen, "token": task_token(client, hit)})
    assert sent.status_code == 200
    assert (
        escape(json.dumps({"also": chosen["also"], "choice": chosen["choice"]}, separators=(",", ":")))
        in sent.content.decode()
    )
    worker = Worker.objects.create(environment="local", worker_id="AW1", group=Kind.SEGMENT)
    verdicts.decide(store(hit, worker, chosen).pk, Verdict.USE, None)
    assert Validation.objects.values_list("choice", "also").get() == (2, 0)
    assert ValidationForm.in_words(chosen, hit) == [
        ("The right answer", "a cat"),
        ("Is another one right, too?", "a ball"),
    ]
    assert (
        ValidationForm.in_words({"choice": 2, "also": -1}, hit)[0][1] == "a cat"
    )  # collected before there were letters


def test_the_page_does_not_tell_which_answer_is_right(
    client: Client, make_check: Callable[..., Hit], segment: Segment
) -> None:
    """Neither by the values of what can be chosen, nor after an answer was sent."""
    letters = set()
    for number in range(8):
        hit = make_check(ask(segment, number))
        letters.add(letter(hit, TEXTS[0]))
    assert len(letters) > 1
    token = task_token(client, hit)
    for chosen in ("a", "b"):  # the second is told what the first was
        page = client.post(frame_url(hit), {"choice": chosen, "token": token}).content.decode()
    assert "Another answer was received before" in page
    assert "Right answer" not in page
    assert "Wrong answer" not in page


def test_an_answer_without_a_choice_is_reviewed_like_any_other(client: Client, make_check: Callable[..., Hit]) -> None:
    hit = make_check()
    row = store(hit, Worker.objects.create(environment="local", worker_id="AW1"), {})
    Assignment.objects.filter(pk=row.pk).update(payload=None, evidence=["not a valid answer: choice: required"])
    client.force_login(User.objects.create_superuser("root"))
    assert "not a valid answer" in client.get(f"/batches/{hit.batch_id}/review/").content.decode()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "choice"),
        ({"choice": "e"}, "choice"),
        ({"choice": "0"}, "choice"),
        ({"choice": "b", "also": "b"}, "also"),
        ({"choice": "none", "also": "c"}, "also"),
    ],
)
def test_what_is_no_answer_is_refused(make_check: Callable[..., Hit], data: dict[str, str], problem: str) -> None:
    assert problem in ValidationForm(data, hit=make_check()).errors


def accept(hit: Hit, name: str, choice: int, also: int = -1) -> Assignment:
    worker, _ = Worker.objects.get_or_create(environment="local", worker_id=name, group=Kind.SEGMENT)
    row = store(hit, worker, {"choice": choice, "also": also})
    verdicts.decide(row.pk, Verdict.USE, None)
    return row


def test_what_is_used_is_counted_with_its_interval(make_check: Callable[..., Hit], segment: Segment) -> None:
    hits = [make_check(ask(segment, number)) for number in range(3)]
    for choices in ((0, 0, 0, 0), (0, 1, 0, -1), (0, 0, 0, 0)):
        for number, choice in enumerate(choices):
            accept(hits.pop() if number == 3 else hits[-1], f"AW{number}", choice)
    rejected = store(make_check(ask(segment, 9)), Worker.objects.first(), {"choice": 1, "also": -1})  # type: ignore[arg-type]
    verdicts.decide(rejected.pk, Verdict.PAY, None)
    found = human_accuracy(Validation.objects.all())
    assert (found.questions, found.answers, found.right) == (3, 12, 10)
    assert (found.percent, found.percents) == ("83.3", ("55.2", "95.3"))
    assert human_accuracy(Validation.objects.none()).answers == 0
    (doubted,) = doubted_questions(Question.objects.all())
    assert (doubted.public_id, doubted.against, doubted.asked) == (1, 2, 4)


def test_another_right_answer_is_doubt_too_and_is_shown(
    make_check: Callable[..., Hit], segment: Segment, client: Client
) -> None:
    hit = make_check()
    accept(hit, "AW1", 0, also=2)
    assert not doubted_questions(Question.objects.all()).exists()
    accept(hit, "AW2", 0, also=2)
    accept(hit, "AW3", 0)
    assert [row.against for row in doubted_questions(Question.objects.all())] == [2]
    client.force_login(User.objects.create_superuser("root"))
    page = " ".join(client.get(f"/batches/{hit.batch_id}/").content.decode().split())
    assert "<strong>3 of 3</strong> chose the writer's answer (100.0 %" in page
    assert '<td>a cat</td><td class="num">0</td><td class="num">2</td>' in page


def test_a_verdict_taken_back_takes_the_count_back(make_check: Callable[..., Hit]) -> None:
    user = User.objects.create_superuser("root")
    row = store(make_check(), Worker.objects.create(environment="local", worker_id="A"), {"choice": 0, "also": -1})
    verdicts.decide(row.pk, Verdict.USE, user, tell_at=verdicts.timezone.now() + verdicts.UNDO_FOR)
    assert Validation.objects.count() == 1
    verdicts.undo(row.hit.batch_id, user)
    assert not Validation.objects.exists()


@pytest.mark.parametrize("values", [{"choice": 5}, {"choice": -2}, {"choice": 1, "also": 1}, {"choice": -1, "also": 2}])
def test_the_database_keeps_no_answer_that_there_is_not(make_check: Callable[..., Hit], values: dict[str, Any]) -> None:
    row = store(make_check(), Worker.objects.create(environment="local", worker_id="A"), {"choice": 0, "also": -1})
    with pytest.raises(IntegrityError), transaction.atomic():
        Validation.objects.create(question=row.hit.question, assignment=row, **values)
    assert row.hit.question is not None


def test_a_batch_asks_about_every_question_of_a_segment_and_those_who_mark_answer(segment: Segment) -> None:
    for number in range(3):
        ask(segment, number)
    batch = make_batch(Kind.VALIDATE)
    assert launch.units(batch).count() == 3
    launch._make_first_hits(batch)
    assert set(batch.hits.values_list("question__public_id", "segment")) == {(n, segment.pk) for n in range(3)}
    assert len(set(batch.hits.values_list("request_token", flat=True))) == 3
    assert Kind.VALIDATE not in enrolment.GROUP_NUMBER
    assert Kind.VALIDATE.group == Kind.SEGMENT
    assert [Kind(kind).group for kind in ("query", "qa")] == [Kind.QUERY, Kind.QA]


def test_who_answers_as_others_do_is_reliable(make_check: Callable[..., Hit], segment: Segment) -> None:
    for number in range(12):
        hit = make_check(ask(segment, number))
        for name, choice in (("AW1", 0), ("AW2", 0), ("AW3", number % 4)):
            accept(hit, name, choice)
    assert measure_workers() == 3
    skills = dict(Worker.objects.values_list("worker_id", "reliability"))
    assert skills["AW1"] > 0.9 > 0.5 > skills["AW3"]


def test_who_answers_two_questions_is_measured_by_what_he_marked_as_well(
    make_check: Callable[..., Hit], make_hit: Callable[..., Hit], segment: Segment
) -> None:
    people = [Worker.objects.create(environment="local", worker_id=f"AW{n}", group=Kind.SEGMENT) for n in range(3)]
    first = make_hit(Kind.SEGMENT)
    for number in range(12):
        name = {"request_token": f"t{number}", "attempt": number + 2}
        hit = Hit.objects.create(batch=first.batch, clip=first.clip, wanted=3, **name)
        for n, worker in enumerate(people):
            store(hit, worker, {"start": 2.0 if n < 2 else 20.0 + number, "end": 9.0 if n < 2 else 27.0 + number})
    for number in range(2):
        hit = make_check(ask(segment, number))
        for worker in people:
            store(hit, worker, {"choice": 0, "also": -1})
    assert measure_workers() == 3
    worst = Worker.objects.get(worker_id="AW2")
    assert worst.compared == 14
    assert worst.reliability is not None
    assert worst.reliability < 0.5


def test_nobody_can_tell_the_order_from_the_address(segment: Segment) -> None:
    for number in range(8):
        ask(segment, number)
    batch = make_batch(Kind.VALIDATE)
    launch._make_first_hits(batch)
    by_number = [
        min(range(4), key=lambda place, pk=hit.pk: hashlib.sha256(f"{pk}|{place}".encode()).digest())  # type: ignore[misc]
        for hit in batch.hits.order_by("pk")
    ]
    shown = [
        TEXTS.index(ValidationForm(hit=hit).fields["choice"].choices[0][1])  # type: ignore[attr-defined]
        for hit in batch.hits.order_by("pk")
    ]
    assert by_number != shown
    assert len(set(batch.hits.values_list("order_seed", flat=True))) == 8


def test_what_people_chose_follows_its_text_when_options_are_corrected(
    make_check: Callable[..., Hit], segment: Segment
) -> None:
    hit, user = make_check(), User.objects.create_user("ada")
    question = hit.question
    assert question is not None
    for name, choice, also in (("A", 1, -1), ("B", 0, 1), ("C", 3, 2), ("D", 2, 3)):
        accept(hit, name, choice, also)
    how = {
        "text": question.text,
        "start": segment.start,
        "end": segment.end,
        "reason": "the other way round",
        "user": user,
    }
    waiting = store(hit, Worker.objects.create(environment="local", worker_id="E"), {"choice": 0, "also": -1})
    with pytest.raises(ValidationError, match="people are asked about these options"):
        corrections.correct(question, options=["a cube", "a ball", "a cat", "a van"], **how)  # type: ignore[arg-type]
    verdicts.decide(waiting.pk, Verdict.PAY, None)
    with pytest.raises(ValidationError, match="people are asked about these options"):
        corrections.correct(question, options=["a cube", "a ball", "a cat", "a van"], **how)  # type: ignore[arg-type]
    Hit.objects.update(state=Hit.State.DONE)
    corrections.correct(question, options=["a cube", "a ball", "a cat", "a van"], **how)  # type: ignore[arg-type]
    said = list(Validation.objects.order_by("pk").values_list("choice", "also"))
    assert said == [(0, -1), (1, 0), (3, 2), (2, 3)], "a car was worded anew"
    corrections.correct(question, options=["a globe", "a cube", "a cat", "a van"], **how)  # type: ignore[arg-type]
    said = list(Validation.objects.order_by("pk").values_list("choice", "also"))
    assert said == [(1, -1), (3, 2), (2, 3)], "a ball is gone"


def test_a_batch_counts_what_its_own_workers_answered_and_each_person_once(
    make_check: Callable[..., Hit], segment: Segment, client: Client
) -> None:
    question = ask(segment)
    first = make_check(question)
    accept(first, "AW1", 1)
    Hit.objects.create(
        batch=first.batch, segment=segment, question=question, attempt=2, request_token="again", wanted=2
    )
    other = make_batch(Kind.VALIDATE)
    accept(
        Hit.objects.create(batch=other, segment=segment, question=question, request_token="other", wanted=2), "AW2", 0
    )
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(f"/batches/{first.batch_id}/")
    assert "<strong>0 of 1</strong> chose the writer's answer" in " ".join(page.content.decode().split())
    assert page.context["doubted"] == []


def test_nobody_is_asked_about_what_was_withdrawn(segment: Segment) -> None:
    user = User.objects.create_user("ada")
    corrections.withdraw(ask(segment), "it is wrong", user)
    assert not launch.units(make_batch(Kind.VALIDATE)).exists()
    query = Query.objects.create(public_id=5, segment=segment, text="a red ball rolls over the floor", type="v")
    wanted = make_batch(Kind.QUERY, without_query=True)
    assert not launch.units(wanted).exists()
    corrections.withdraw(query, "it is wrong", user)
    assert list(launch.units(wanted)) == [segment]


def test_an_answer_that_a_release_doubts_stands_among_the_others_and_is_counted_apart(
    client: Client, segment: Segment
) -> None:
    question, other = ask(segment), ask(segment, 2)
    lent = Doubt.objects.create(question=question, text="a globe")
    Doubt.objects.create(question=other, text="a cat")  # one of its own
    batch = make_batch(Kind.VALIDATE, doubted=True)
    launch._make_first_hits(batch)
    hits = {hit.doubt.text: hit for hit in batch.hits.select_related("doubt", "question")}  # type: ignore[union-attr]
    shown = {text: {said for _, said in ValidationForm(hit=hit).fields["choice"].choices} for text, hit in hits.items()}  # type: ignore[attr-defined]
    none = "It cannot be told from this clip"
    assert shown == {"a globe": {*TEXTS, "a globe", none}, "a cat": {*TEXTS, none}}
    assert "a globe" in client.get(frame_url(hits["a globe"]), parameters()).content.decode()
    for n, (choice, also) in enumerate([("a ball", "a globe"), ("a globe", None), ("a ball", None)]):
        worker = Worker.objects.create(environment="local", worker_id=f"AW{n}", group=Kind.SEGMENT)
        hit = hits["a globe"]
        chosen = {"choice": letter(hit, choice), "also": letter(hit, also) if also else "none"}
        verdicts.decide(store(hit, worker, chosen).pk, Verdict.USE, None)
    (found,) = looked_at(Doubt.objects.all())
    assert (found, found.right, found.asked) == (lent, 2, 3)
    assert human_accuracy(Validation.objects.all()).answers == 0
    assert not doubted_questions(Question.objects.all()).exists()
    client.force_login(User.objects.create_superuser("root"))
    page = " ".join(client.get(f"/batches/{batch.pk}/").content.decode().split())
    assert '<td>a globe</td><td class="num">2</td><td class="num">3</td>' in page


def test_a_doubt_that_nobody_could_look_at_is_asked_again_and_one_of_two_about_a_question_alone(
    segment: Segment,
) -> None:
    question = ask(segment)
    for text in ("a globe", "an orange"):
        Doubt.objects.create(question=question, text=text)
    batch = make_batch(Kind.VALIDATE, doubted=True)
    launch._make_first_hits(batch)
    batch.hits.filter(doubt__text="a globe").update(state=Hit.State.EXPIRED)
    batch.hits.filter(doubt__text="an orange").update(state=Hit.State.DONE, hit_id="done")
    batch.state = batch.State.CLOSED
    batch.save()
    assert launch.request_relaunch(batch.pk) == 1
    assert list(batch.hits.order_by("pk").values_list("doubt__text", "attempt")) == [
        ("a globe", 1), ("an orange", 1), ("a globe", 2),
    ]  # fmt: skip
    assert not launch.expired(batch).exists()
