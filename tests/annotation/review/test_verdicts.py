"""What a verdict makes of an answer, without a marketplace: it hears of it only after the transaction."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.db import ProgrammingError, transaction
from django.utils import timezone

from annotation.models import Assignment, Batch, Hit, LedgerEntry, Query, Question, ReviewEvent, Segment, Worker
from annotation.models.crowd import MARKING, Kind
from annotation.models.items import content_id
from annotation.review import corrections, evidence, verdicts
from annotation.review.verdicts import SECOND_FROM, ReviewError, Verdict, decide

pytestmark = pytest.mark.django_db
TEXT = "a red ball rolls slowly over the green floor"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def collected(hit: Hit, payload: dict[str, Any]) -> Assignment:
    number = Assignment.objects.count()
    worker = Worker.objects.create(environment="local", worker_id=f"AW{number}", group=Kind(hit.batch.kind).group)
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


MOMENT = {"start": 5.0, "end": 12.0, "query": TEXT, "based_on": "v"}
OTHER_TEXT = "somebody rolls a ball of red wool over the lawn"


def test_a_moment_with_its_sentence_becomes_both_or_votes_and_adds_the_sentence(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.COMBINED, hidden=True)
    assert accept(hit, MOMENT).used
    second = accept(hit, MOMENT | {"start": 5.5, "query": OTHER_TEXT})
    assert second.used
    segment = Segment.objects.get()
    assert (segment.start, segment.end, segment.votes) == (5.0, 12.0, 2)
    assert list(segment.queries.order_by("pk").values_list("text", "narration_hidden")) == [
        (TEXT, True), (OTHER_TEXT, True)
    ]  # fmt: skip
    assert second.query.segment == segment
    third = accept(hit, MOMENT | {"query": TEXT.upper()})
    assert not third.used, "a vote, and words that are known"
    assert Query.objects.count() == 2


def test_one_undo_takes_back_the_moment_and_its_sentence(
    make_hit: Callable[..., Hit], people: tuple[User, User]
) -> None:
    hit = make_hit(Kind.COMBINED)
    decide(collected(hit, MOMENT).pk, Verdict.USE, people[0], tell_at=timezone.now() + timedelta(minutes=10))
    verdicts.undo(hit.batch_id, people[0])
    assert not Segment.objects.exists()
    assert not Query.objects.exists()
    assert Assignment.objects.get().state == Assignment.State.SUBMITTED


def test_both_are_taken_back_together_and_stay_where_other_work_rests_on_them(
    make_hit: Callable[..., Hit], people: tuple[User, User]
) -> None:
    hit, reviewer = make_hit(Kind.COMBINED), people[0]
    for payload in (MOMENT, MOMENT | {"query": OTHER_TEXT}):
        decide(collected(hit, payload).pk, Verdict.USE, reviewer, tell_at=timezone.now() + timedelta(minutes=10))
    first, second = Assignment.objects.order_by("pk")
    verdicts.undo(hit.batch_id, reviewer)
    assert list(Query.objects.values_list("text", flat=True)) == [TEXT]
    assert Segment.objects.get().votes == 1
    decide(second.pk, Verdict.USE, people[1], tell_at=timezone.now() + timedelta(minutes=10))
    with pytest.raises(ReviewError, match="other answers"):
        verdicts.undo(hit.batch_id, reviewer)  # the first, on whose segment the second wrote
    assert Query.objects.count() == 2
    first.refresh_from_db()
    assert first.used


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


def test_who_has_changed_groups_since_is_paid_and_not_used(
    make_hit: Callable[..., Hit], segment: Segment, people: tuple[User, User]
) -> None:
    """Found by the random schedules: what spoke against an answer was looked at when it came, and never again."""
    hit = make_hit(Kind.QUERY, segment=segment)
    answers = [collected(hit, {"query": f"{TEXT} {n}", "based_on": "v"}) for n in "ab"]
    Worker.objects.filter(pk=answers[0].worker_id).update(group=Kind.SEGMENT)
    with pytest.raises(ReviewError, match="belongs to the group “segment”: pay or reject it"):
        decide(answers[0].pk, Verdict.USE, None)
    batch = answers[0].hit.batch_id
    assert list(verdicts.clean(batch)) == [answers[1]]
    assert verdicts.use_clean(batch, answers[1].pk, people[0]) == 1
    assert not decide(answers[0].pk, Verdict.PAY, None).used
    Worker.objects.update(group="")
    newcomer = collected(hit, {"query": f"{TEXT} c", "based_on": "v"})
    Worker.objects.filter(pk=newcomer.worker_id).update(group="")
    assert decide(newcomer.pk, Verdict.USE, None).used


@pytest.mark.parametrize(("later", "used"), [(timedelta(0), False), (timedelta(seconds=1), True)])
def test_who_was_blocked_when_it_came_is_paid_and_not_used(
    make_hit: Callable[..., Hit], later: timedelta, used: bool
) -> None:
    row = collected(make_hit(Kind.SEGMENT), {"start": 5.0, "end": 12.0})
    Worker.objects.update(blocked=True, blocked_at=row.submitted_at + later)
    if used:
        assert decide(row.pk, Verdict.USE, None).used
        return
    with pytest.raises(ReviewError, match="was blocked when it came"):
        decide(row.pk, Verdict.USE, None)
    assert not decide(row.pk, Verdict.PAY, None).used


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_clean_comes_of_the_group_that_does_such_tasks_or_of_none_yet(
    kind: Kind, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    hit = make_hit(kind, segment=None if kind in MARKING else segment)
    rows = {group: collected(hit, {"broken": "does not play"}) for group in ("", *Kind)}
    for group, row in rows.items():
        Worker.objects.filter(pk=row.worker_id).update(group=group)
    assert list(verdicts.clean(hit.batch_id)) == [rows[""], rows[kind.group]]


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


@pytest.fixture
def people(db: None) -> tuple[User, User]:
    return User.objects.create_user("first"), User.objects.create_user("second")


def reviewed(hit: Hit, rejected: int, count: int) -> None:
    for n in range(count):
        row = collected(hit, {"start": 5.0, "end": 12.0})
        decide(row.pk, Verdict.REJECT if n < rejected else Verdict.PAY, None, "no")


@pytest.mark.parametrize(
    ("rejected", "count", "second"),
    [(4, SECOND_FROM, False), (5, SECOND_FROM, True), (5, SECOND_FROM - 1, False), (6, 30, False), (7, 30, True)],
)
def test_where_much_is_rejected_a_second_person_has_to_agree(
    make_hit: Callable[..., Hit], people: tuple[User, User], rejected: int, count: int, second: bool
) -> None:
    hit = make_hit(Kind.SEGMENT)
    reviewed(hit, rejected, count)
    row = decide(collected(hit, {"start": 5.0, "end": 12.0}).pk, Verdict.REJECT, people[0], "hardly watched")
    assert (row.state == Assignment.State.SUBMITTED) == second
    if second:
        assert (row.proposed_by, row.feedback) == (people[0], "hardly watched")
        assert not verdicts.clean(hit.batch_id).filter(pk=row.pk).exists()
        with pytest.raises(ReviewError, match="second person"):
            decide(row.pk, Verdict.REJECT, people[0], "hardly watched")
        row = decide(row.pk, Verdict.REJECT, people[1], "hardly watched")
        assert (row.state, row.reviewed_by) == (Assignment.State.REJECTING, people[1])
        acts = [ReviewEvent.Act.PROPOSE, ReviewEvent.Act.REJECT]
        assert [(event.act, event.user) for event in row.history.all()] == list(zip(acts, people, strict=True))


def test_who_proposed_may_think_better_of_it(make_hit: Callable[..., Hit], people: tuple[User, User]) -> None:
    hit = make_hit(Kind.SEGMENT)
    reviewed(hit, SECOND_FROM, SECOND_FROM)
    row = decide(collected(hit, {"start": 5.0, "end": 12.0}).pk, Verdict.REJECT, people[0], "no")
    assert decide(row.pk, Verdict.USE, people[0]).used


def test_asking_again_needs_an_open_unit_and_money(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    row = collected(hit, {"start": 5.0, "end": 12.0})
    Hit.objects.update(wanted=9)
    with pytest.raises(ReviewError, match="nobody more"):
        decide(row.pk, Verdict.AGAIN, None)
    Hit.objects.update(wanted=8, state=Hit.State.EXPIRED)
    with pytest.raises(ReviewError, match="nobody more"):
        decide(row.pk, Verdict.AGAIN, None)
    for ends_at, state in ((NOW, Batch.State.OPEN), (timezone.now() + timedelta(days=1), Batch.State.CLOSING)):
        Hit.objects.update(state=Hit.State.OPEN, ends_at=ends_at)
        Batch.objects.update(state=state)
        with pytest.raises(ReviewError, match="nobody more"):
            decide(row.pk, Verdict.AGAIN, None)
    Batch.objects.update(state=Batch.State.OPEN)
    LedgerEntry.objects.create(batch=hit.batch, hit=hit, kind="hold", amount="9.87", token="x")
    with pytest.raises(ReviewError, match="budget"):
        decide(row.pk, Verdict.AGAIN, None)
    Batch.objects.update(budget="10.01")
    row = decide(row.pk, Verdict.AGAIN, None)
    assert (row.state, row.again, row.used) == (Assignment.State.APPROVING, True, False)
    assert not Segment.objects.exists()


def test_who_said_what_stays_in_writing(make_hit: Callable[..., Hit], people: tuple[User, User]) -> None:
    row = collected(make_hit(Kind.SEGMENT), {"start": 5.0, "end": 12.0})
    tell_at = verdicts.timezone.now() + verdicts.UNDO_FOR
    decide(row.pk, Verdict.AGAIN, people[0], tell_at=tell_at)
    (back,), _ = verdicts.undo(row.hit.batch_id, people[0])
    assert (back.state, back.again) == (Assignment.State.SUBMITTED, False)
    decide(row.pk, Verdict.REJECT, people[1], "no sentence", tell_at=tell_at)
    lines = [(event.user, event.act, event.reason) for event in row.history.all()]
    assert lines == [(people[0], "again", ""), (people[0], "undo", ""), (people[1], "reject", "no sentence")]
    for change in (lambda: row.history.update(reason=""), lambda: row.history.all().delete()):
        with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
            change()


def test_what_was_withdrawn_is_not_taken_back(
    make_hit: Callable[..., Hit], segment: Segment, people: tuple[User, User]
) -> None:
    hit, later = make_hit(Kind.QUERY, segment=segment), timezone.now() + timedelta(minutes=10)
    decide(collected(hit, {"query": TEXT, "based_on": "v"}).pk, Verdict.USE, people[0], tell_at=later)
    corrections.withdraw(Query.objects.get(), "it is wrong", people[0])
    with pytest.raises(ReviewError, match="withdrawn meanwhile"):
        verdicts.undo(hit.batch_id, people[0])
    assert Query.objects.get().withdrawn_by is not None


@pytest.mark.parametrize("changed", ["corrected", "gold"])
def test_what_others_changed_or_rest_on_is_not_taken_back(
    make_hit: Callable[..., Hit], segment: Segment, people: tuple[User, User], changed: str
) -> None:
    later = timezone.now() + timedelta(minutes=10)
    if changed == "corrected":
        hit = make_hit(Kind.QUERY, segment=segment)
        decide(collected(hit, {"query": TEXT, "based_on": "v"}).pk, Verdict.USE, people[0], tell_at=later)
        how = {"start": segment.start, "end": segment.end, "options": [], "reason": "it is shorter", "user": people[1]}
        corrections.correct(Query.objects.get(), text=OTHER_TEXT, **how)
    else:
        hit = make_hit(Kind.SEGMENT)
        decide(collected(hit, {"start": 15.0, "end": 22.0}).pk, Verdict.USE, people[0], tell_at=later)
        evidence.set_gold(Segment.objects.get(start=15), True)
    with pytest.raises(ReviewError, match=changed):
        verdicts.undo(hit.batch_id, people[0])
    assert Query.objects.filter(text=OTHER_TEXT).exists() or Segment.objects.filter(start=15, gold=True).exists()


def test_proposals_are_taken_back_one_by_one_before_what_was_said_earlier(
    make_hit: Callable[..., Hit], people: tuple[User, User]
) -> None:
    hit, later = make_hit(Kind.SEGMENT), timezone.now() + timedelta(minutes=10)
    reviewed(hit, 10, 20)
    used, first, second = (collected(hit, {"start": start, "end": start + 7}) for start in (2.0, 15.0, 30.0))
    decide(used.pk, Verdict.USE, people[0], tell_at=later)
    for row in (first, second):
        decide(row.pk, Verdict.REJECT, people[0], "hardly watched", tell_at=later)
    for row in (second, first, used):
        last = verdicts.undoable(hit.batch_id, people[0]).first()
        assert last == used
        proposed = verdicts.proposed_since(hit.batch_id, people[0], last)
        assert proposed == (None if row == used else row)
        assert verdicts.undo(hit.batch_id, people[0]) == ([row], [])
    assert not Assignment.objects.filter(proposed_by__isnull=False).exists()


def test_a_verdict_ends_what_was_proposed(make_hit: Callable[..., Hit], people: tuple[User, User]) -> None:
    hit, later = make_hit(Kind.SEGMENT), timezone.now() + timedelta(minutes=10)
    row = collected(hit, {"start": 5.0, "end": 12.0})
    Assignment.objects.filter(pk=row.pk).update(proposed_by=people[0], feedback="hardly watched")
    decide(row.pk, Verdict.USE, people[1], "hardly watched", tell_at=later)
    row.refresh_from_db()
    assert (row.proposed_by, row.feedback) == (None, "")
    verdicts.undo(hit.batch_id, people[1])
    row.refresh_from_db()
    assert (row.state, row.proposed_by) == (Assignment.State.SUBMITTED, None)


def test_what_was_proposed_last_is_taken_back_before_any_verdict(
    make_hit: Callable[..., Hit], people: tuple[User, User]
) -> None:
    hit, later = make_hit(Kind.SEGMENT), timezone.now() + timedelta(minutes=10)
    reviewed(hit, 10, 20)
    first, second = (collected(hit, {"start": start, "end": start + 7}) for start in (2.0, 15.0))
    decide(first.pk, Verdict.USE, people[0], tell_at=later)
    decide(second.pk, Verdict.REJECT, people[0], "hardly watched", tell_at=later)
    assert Assignment.objects.get(pk=second.pk).proposed_by == people[0]
    assert verdicts.undo(hit.batch_id, people[0]) == ([second], [])
    assert Assignment.objects.get(pk=second.pk).proposed_by is None
    assert Assignment.objects.get(pk=first.pk).state == Assignment.State.APPROVING
    assert verdicts.undo(hit.batch_id, people[0]) == ([first], [])
