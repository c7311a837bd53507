"""The requester's side against a real marketplace process: boto3 over HTTP, workers over pages and forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from annotation.crowd import collect, decisions, launch, steering
from annotation.crowd.client import HIT_LIFETIME, Crowd
from annotation.crowd.workers import enrolment
from annotation.models import Assignment, Batch, Clip, Hit, LedgerEntry, Query, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review import ledger, verdicts
from annotation.review.verdicts import ReviewError, Verdict
from tests.annotation.crowd.conftest import GROUPS
from tests.annotation.crowd.orders import GOOD, every_hit, launch_batch, make_batch, use
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = pytest.mark.django_db


def test_workers_join_the_smallest_group_and_stay_in_it(annotators: list[WorkerBrowser]) -> None:
    groups = dict(Worker.objects.values_list("worker_id", "group"))
    assert [groups[worker.id] for worker in annotators] == GROUPS
    enrolment.admit_workers("local")
    assert dict(Worker.objects.values_list("worker_id", "group")) == groups


def test_a_group_sees_its_own_stage_only(clip: Clip, annotators: list[WorkerBrowser]) -> None:
    batch = launch_batch(make_batch())
    sees = [batch.hit_type_id in worker.get("/").hit_types for worker in annotators]
    assert sees == [True, False, False] * 2


def test_an_answer_becomes_a_segment_is_paid_once_and_closes_the_batch(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    before = Crowd("local").balance()
    batch = launch_batch(make_batch())
    first, second = annotators[0], annotators[3]
    first.do(batch.hit_type_id, answer=json.dumps(GOOD))
    assert collect.collect(batch.pk) == 0, "one of two has answered: not reviewable yet"
    assert collect.collect(batch.pk, every_hit=True) == 1
    second.do(batch.hit_type_id, answer=json.dumps({"start": 5.2, "end": 12.2}))
    assert collect.collect(batch.pk) == 1
    assert collect.collect(batch.pk, every_hit=True) == 0
    for assignment in Assignment.objects.all():
        verdicts.decide(assignment.pk, Verdict.USE, None)
        for _ in range(3):
            decisions.push_decision(assignment.pk)
    segment = Segment.objects.get()
    assert (segment.start, segment.end, segment.votes) == (5.0, 12.0, 2)
    totals = ledger.totals(batch)
    assert (totals["spent"], totals["held"]) == (Decimal("0.28"), Decimal("0.00"))
    assert LedgerEntry.objects.filter(kind="reward").count() == 2
    batch.refresh_from_db()
    assert batch.state == Batch.State.CLOSED
    assert Crowd("local").balance() == before - totals["spent"]


def test_a_rejected_answer_is_not_paid_and_asked_for_again(
    clip: Clip, annotators: list[WorkerBrowser], crowd: Site
) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=1))
    annotators[0].do(batch.hit_type_id, answer=json.dumps({"start": 0.0, "end": 29.5}))
    collect.collect(batch.pk)
    bad = Assignment.objects.get()
    assert any("of the clip" in line for line in bad.evidence)
    with pytest.raises(ReviewError, match="reason"):
        verdicts.decide(bad.pk, Verdict.REJECT, None)
    verdicts.decide(bad.pk, Verdict.REJECT, None, "please mark one moment")
    for _ in range(2):
        decisions.push_decision(bad.pk)
    assert "please mark one moment" in annotators[0].table()
    assert ledger.totals(batch)["spent"] == 0
    assert Hit.objects.get().wanted == 2
    annotators[3].do(batch.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(batch.pk)
    verdicts.decide(Assignment.objects.latest("pk").pk, Verdict.USE, None)
    decisions.push_decision(Assignment.objects.latest("pk").pk)
    assert Batch.objects.get().state == Batch.State.CLOSED
    assert ledger.totals(batch)["held"] == 0


@pytest.mark.parametrize(("asked", "wanted"), [(8, 9), (9, 9)])
def test_no_hit_is_extended_to_ten_assignments(
    clip: Clip, annotators: list[WorkerBrowser], asked: int, wanted: int
) -> None:
    """After many rejections. The marketplace would refuse, and the decision with it."""
    batch = launch_batch(make_batch(assignments_per_hit=1))
    hit = batch.hits.get()
    assert hit.hit_id is not None
    for number in range(asked - 1):
        Crowd("local").extend(hit.hit_id, f"{hit.hit_id}-{number}")
    batch.hits.update(wanted=asked)
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(batch.pk, every_hit=True)
    verdicts.decide(Assignment.objects.get().pk, Verdict.REJECT, None, "please mark one moment")
    decisions.push_decision(Assignment.objects.get().pk)
    assert Assignment.objects.get().state == Assignment.State.REJECTED
    assert batch.hits.get().wanted == wanted


@pytest.fixture
def pair(clip: Clip, annotators: list[WorkerBrowser]) -> Batch:
    """A launched batch of two HITs with one assignment each."""
    Clip.objects.create(video=clip.video, start=30.0, end=60.0)
    batch = launch_batch(make_batch(assignments_per_hit=1))
    assert batch.hits.filter(state=Hit.State.OPEN).count() == 2
    return batch


def test_a_batch_closes_with_the_last_of_its_hits(pair: Batch, annotators: list[WorkerBrowser]) -> None:
    states = []
    for _ in range(2):
        annotators[0].do(pair.hit_type_id, answer=json.dumps(GOOD))
        assert collect.collect(pair.pk) == 1
        use(Assignment.objects.latest("pk"))
        pair.refresh_from_db()
        states.append((pair.state, pair.hits.filter(state=Hit.State.DONE).count()))
    assert states == [(Batch.State.OPEN, 1), (Batch.State.CLOSED, 2)]


def test_a_batch_waits_for_the_answer_to_a_unit_that_expired(pair: Batch, annotators: list[WorkerBrowser]) -> None:
    states = []
    for _ in range(2):
        annotators[0].do(pair.hit_type_id, answer=json.dumps(GOOD))
        collect.collect(pair.pk)
    first, second = Assignment.objects.order_by("pk")
    Hit.objects.filter(pk=first.hit_id).update(state=Hit.State.EXPIRED)
    for assignment in (second, first):
        use(assignment)
        pair.refresh_from_db()
        states.append(pair.state)
    assert states == [Batch.State.OPEN, Batch.State.CLOSED]


def test_a_batch_that_is_closed_half_done_pays_one_hit_and_gives_the_other_back(
    pair: Batch, annotators: list[WorkerBrowser]
) -> None:
    annotators[0].do(pair.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(pair.pk)
    use(Assignment.objects.get())
    steering.request_close(pair.pk)
    assert steering.close(pair.pk)
    pair.refresh_from_db()
    assert pair.state == Batch.State.CLOSED
    assert set(pair.hits.values_list("state", flat=True)) == {Hit.State.DONE, Hit.State.EXPIRED}
    totals = ledger.totals(pair)
    assert (totals["spent"], totals["held"]) == (Decimal("0.14"), Decimal("0.00"))


def test_answers_are_kept_in_the_order_in_which_they_came(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch())
    first, second = annotators[3], annotators[0]
    first.do(batch.hit_type_id, answer=json.dumps(GOOD))
    crowd.advance(5)
    second.do(batch.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(batch.pk)
    assert list(Assignment.objects.order_by("pk").values_list("worker__worker_id", flat=True)) == [first.id, second.id]


def test_only_a_worker_of_another_group_is_reported(clip: Clip, annotators: list[WorkerBrowser]) -> None:
    batch = launch_batch(make_batch())
    right, other = annotators[0], annotators[3]
    Worker.objects.filter(worker_id=other.id).update(group=Kind.QUERY)
    for worker in (right, other):
        worker.do(batch.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(batch.pk)
    evidence = dict(Assignment.objects.values_list("worker__worker_id", "evidence"))
    assert evidence == {right.id: [], other.id: ["the worker belongs to the group “query”: pay, do not use"]}


def test_the_first_of_two_reviewers_wins(clip: Clip, annotators: list[WorkerBrowser]) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=1))
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(batch.pk)
    assignment = Assignment.objects.get()
    verdicts.decide(assignment.pk, Verdict.PAY, None)
    with pytest.raises(ReviewError, match="already decided"):
        verdicts.decide(assignment.pk, Verdict.REJECT, None, "no")
    assert not Segment.objects.exists()


def test_an_answer_that_breaks_a_rule_is_kept_verbatim_and_cannot_be_used(
    clip: Clip, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=1))
    annotators[0].do(batch.hit_type_id, answer=json.dumps({"start": 9, "end": 500}))
    collect.collect(batch.pk)
    assignment = Assignment.objects.get()
    assert assignment.payload is None
    assert "500" in assignment.answer
    with pytest.raises(ReviewError, match="no valid answer"):
        verdicts.decide(assignment.pk, Verdict.USE, None)


def test_launching_again_after_a_crash_makes_no_second_hit(clip: Clip, crowd: Site) -> None:
    batch = launch_batch(make_batch())
    # The crash came between the marketplace's answer and our commit.
    known = Hit.objects.get().hit_id
    Hit.objects.update(state=Hit.State.WAITING, hit_id=None)
    Batch.objects.update(state=Batch.State.LAUNCHING)
    launch.launch(batch.pk)
    assert Hit.objects.get().hit_id == known
    # And with the lookup by annotation out of the way, the token alone finds it.
    hit = Hit.objects.get()
    again = Crowd("local").create_hit(
        hit_type_id=batch.hit_type_id,
        question=launch.external_question(hit),
        token=hit.request_token,
        annotation=hit.request_token,
        assignments=2,
        lifetime=HIT_LIFETIME,
    )
    assert again == known
    assert list(Crowd("local").hits_by_annotation().values()).count(known) == 1


def test_a_launch_resumed_after_its_tokens_died_makes_no_second_hit(clip: Clip, crowd: Site) -> None:
    """Tokens live for a day; from then on only our annotation on the HIT tells that it is there."""
    batch = launch_batch(make_batch())
    before = {hit["HITId"] for hit in every_hit()}
    known = Hit.objects.get().hit_id
    Hit.objects.update(state=Hit.State.WAITING, hit_id=None)
    Batch.objects.update(state=Batch.State.LAUNCHING)
    crowd.advance(25 * 3600)
    launch.launch(batch.pk)
    assert Hit.objects.get().hit_id == known
    assert {hit["HITId"] for hit in every_hit()} == before


def test_a_lost_answer_of_create_hit_is_one_hit(clip: Clip, crowd: Site) -> None:
    batch = make_batch()
    before = set(Crowd("local").hits_by_annotation().values())
    launch.request_launch(batch.pk)
    crowd.faults(add={"kind": "lost_answer", "operation": "CreateHITWithHITType", "remaining": 1})
    launch.launch(batch.pk)
    made = [hit["HITId"] for hit in every_hit() if hit["HITId"] not in before]
    assert made == [Hit.objects.get().hit_id]
    assert Hit.objects.get().state == Hit.State.OPEN


def test_a_lost_answer_of_approve_pays_once(clip: Clip, annotators: list[WorkerBrowser], crowd: Site) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=1))
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(batch.pk)
    assignment = Assignment.objects.get()
    verdicts.decide(assignment.pk, Verdict.USE, None)
    crowd.faults(add={"kind": "lost_answer", "operation": "ApproveAssignment", "remaining": 1})
    decisions.push_decision(assignment.pk)
    assignment.refresh_from_db()
    assert assignment.state == Assignment.State.APPROVED
    assert LedgerEntry.objects.filter(kind="reward").count() == 1


@pytest.mark.parametrize(
    ("change", "reason"), [({"budget": "0.20"}, "budget is"), ({"kind": Kind.QUERY}, "no accepted segment")]
)
def test_what_cannot_be_launched_says_why_and_leaves_nothing(
    clip: Clip, crowd: Site, change: dict[str, Any], reason: str
) -> None:
    batch = make_batch(**change)
    with pytest.raises(launch.LaunchError, match=reason):
        launch.request_launch(batch.pk)
    assert not Hit.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_an_empty_account_stops_the_launch_before_the_first_hit(clip: Clip, crowd: Site) -> None:
    batch = make_batch(budget="9000.00", assignments_per_hit=5)
    Batch.objects.update(reward=Decimal("400.00"))
    before = len(every_hit())
    launch.request_launch(batch.pk)
    with pytest.raises(launch.LaunchError, match=r"account holds \$"):
        launch.launch(batch.pk)
    assert len(every_hit()) == before


def test_a_query_and_the_words_it_may_rest_on(
    segment: Segment, annotators: list[WorkerBrowser], make_hit: Callable[..., Hit]
) -> None:
    batch = launch_batch(make_batch(Kind.QUERY, assignments_per_hit=1, hidden_share=1.0))
    hit = batch.hits.get()
    assert hit.narration_hidden
    text = "a red ball rolls slowly over the green floor"
    annotators[1].do(batch.hit_type_id, answer=json.dumps({"query": text, "based_on": "v"}))
    collect.collect(batch.pk)
    verdicts.decide(Assignment.objects.get().pk, Verdict.USE, None)
    query = Query.objects.get()
    assert (query.text, query.type, query.narration_hidden) == (text, "v", True)
    assert query.public_id < 2**31


def test_writers_mark_a_moment_of_a_clip_and_describe_it(clip: Clip, annotators: list[WorkerBrowser]) -> None:
    batch = launch_batch(make_batch(Kind.COMBINED))
    assert [hit.clip for hit in batch.hits.all()] == [clip]
    assert [batch.hit_type_id in worker.get("/").hit_types for worker in annotators] == [False, True, False] * 2
    answer = {**GOOD, "query": "a red ball rolls slowly over the green floor", "based_on": "v"}
    annotators[1].do(batch.hit_type_id, answer=json.dumps(answer))
    annotators[4].do(batch.hit_type_id, answer=json.dumps({**answer, "start": 6.0}))
    assert collect.collect(batch.pk) == 2
    assert batch.hits.get().agreement == pytest.approx(6 / 7)
    first = Assignment.objects.order_by("pk")[0]
    assert first.evidence == []
    verdicts.decide(first.pk, Verdict.USE, None)
    query = Query.objects.get()
    assert (query.segment.start, query.segment.end) == (GOOD["start"], GOOD["end"])
    assert query.assignment == query.segment.assignment == first


def test_a_closed_batch_pays_what_was_submitted_and_gives_back_the_rest(
    clip: Clip, annotators: list[WorkerBrowser], crowd: Site
) -> None:
    batch = launch_batch(make_batch())
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    steering.request_close(batch.pk)
    assert not steering.close(batch.pk), "one answer waits for a verdict"
    assert "Nothing is left" in annotators[3].accept(batch.hit_type_id).text
    assignment = Assignment.objects.get()
    verdicts.decide(assignment.pk, Verdict.USE, None)
    decisions.push_decision(assignment.pk)
    for _ in range(2):
        assert steering.close(batch.pk)
    batch.refresh_from_db()
    assert batch.state == Batch.State.CLOSED
    totals = ledger.totals(batch)
    assert (totals["spent"], totals["held"]) == (Decimal("0.14"), Decimal("0.00"))
    with pytest.raises(launch.LaunchError, match="only an open batch"):
        steering.request_close(batch.pk)
