"""Gold units in a batch, and one more worker where those who answered do not agree."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from annotation.crowd import collect, decisions, extra, launch, reconcile
from annotation.crowd.client import Crowd
from annotation.models import Assignment, Batch, Clip, Finding, Hit, Reconciliation, Segment, Video
from annotation.review import ledger, verdicts
from annotation.review.verdicts import Verdict
from tests.annotation.crowd.orders import GOOD, launch_batch, make_batch, use
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = pytest.mark.django_db
OTHER = {"start": 14.0, "end": 22.0}


@pytest.fixture
def clips(clip: Clip) -> list[Clip]:
    """Twenty clips beside the first; six of them have a moment that is known."""
    video = Video.objects.create(public_id="long", state="ready", sha256="1" * 64, duration=600.0, tags=["zoo"])
    rows = Clip.objects.bulk_create(Clip(video=video, start=30.0 * n, end=30.0 * n + 30) for n in range(20))
    for n in range(6):
        Segment.objects.create(public_id=100 + n, clip=rows[n], start=3.0, end=9.0, gold=True)
    return rows


@pytest.mark.parametrize(("share", "gold"), [(0.0, 0), (0.1, 2), (0.25, 5), (0.5, 6)])
def test_a_share_of_the_units_is_gold(clips: list[Clip], share: float, gold: int) -> None:
    batch = make_batch(gold_share=share)
    known = {row.pk for row in clips[:6]}
    chosen = list(launch.units(batch))
    assert len(known & {unit.pk for unit in chosen}) == (gold or 6)
    assert len(chosen) == launch.units(batch).count() == 15 + (gold or 6)
    assert [unit.pk for unit in chosen] == [unit.pk for unit in launch.units(batch)]


def test_gold_units_are_drawn_by_the_seed_beside_a_sample_and_whatever_the_tag(clips: list[Clip]) -> None:
    known = {row.pk for row in clips[:6]}

    def drawn(seed: int) -> set[int]:
        Video.objects.filter(public_id="long").update(tags=[])
        return {unit.pk for unit in launch.units(make_batch(gold_share=0.5, sample=1, tag="", seed=seed))}

    assert all(len(drawn(seed)) == 2 and len(drawn(seed) & known) == 1 for seed in range(4))
    assert len({frozenset(drawn(seed) & known) for seed in range(12)}) > 1


def test_hits_of_gold_units_say_so_and_their_price_is_counted(clips: list[Clip], crowd: Site) -> None:
    batch = launch_batch(make_batch(gold_share=0.2, budget="10.00"))
    assert batch.hits.filter(gold=True).count() == 4
    assert set(batch.hits.filter(gold=True).values_list("clip", flat=True)) <= {row.pk for row in clips[:6]}
    assert batch.hits.count() == 19
    assert ledger.totals(batch)["held"] == 19 * 2 * Decimal("0.14")


def disagree(batch: Batch, annotators: list[WorkerBrowser], *answers: dict[str, float]) -> Hit:
    for worker, answer in zip((annotators[0], annotators[3]), answers, strict=True):
        worker.do(batch.hit_type_id, answer=json.dumps(answer))
    collect.collect(batch.pk, every_hit=True)
    return batch.hits.get()


def test_one_more_worker_is_asked_where_two_disagree_and_the_unit_waits_for_him(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch(agreement=0.5))
    assert extra.ask_where_they_disagree(batch.pk) == 0, "nobody has answered"
    hit = disagree(batch, annotators, GOOD, OTHER)
    assert hit.hit_id is not None
    assert [extra.ask_where_they_disagree(batch.pk) for _ in range(2)] == [1, 0]
    assert Crowd("local").client.get_hit(HITId=hit.hit_id)["HIT"]["MaxAssignments"] == 3
    hit.refresh_from_db()
    assert (hit.wanted, hit.extra) == (3, 1)
    reconcile.follow("local")
    assert ledger.totals(batch)["held"] == 3 * Decimal("0.14")
    for row in Assignment.objects.all():
        use(row)
    hit.refresh_from_db()
    batch.refresh_from_db()
    assert (hit.state, batch.state) == (Hit.State.OPEN, Batch.State.OPEN)


def test_nobody_more_is_asked_where_they_agree_or_money_is_short(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch(agreement=0.5, budget="0.41"))
    hit = disagree(batch, annotators, GOOD, {"start": 6.0, "end": 12.0})
    assert hit.agreement == pytest.approx(6 / 7)
    assert extra.ask_where_they_disagree(batch.pk) == 0
    Batch.objects.update(agreement=0.9)
    assert extra.ask_where_they_disagree(batch.pk) == 0
    assert "the budget allows no further answers" in Finding.objects.get().text
    Batch.objects.update(budget=Decimal("0.42"), agreement=None)
    assert extra.ask_where_they_disagree(batch.pk) == 0
    Batch.objects.update(agreement=0.9)
    assert extra.ask_where_they_disagree(batch.pk) == 1


def test_five_workers_are_enough(clip: Clip, crowd: Site, annotators: list[WorkerBrowser]) -> None:
    batch = launch_batch(make_batch(agreement=0.5))
    disagree(batch, annotators, GOOD, OTHER)
    Hit.objects.update(extra=3)
    assert extra.disputed(Batch.objects.get()) == [], "three more are on their way"
    Hit.objects.update(extra=0)
    assert len(extra.disputed(Batch.objects.get())) == 1
    Hit.objects.update(ends_at=timezone.now() - timedelta(minutes=1))
    assert extra.disputed(Batch.objects.get()) == [], "nobody can accept it any more"
    Hit.objects.update(ends_at=timezone.now() + timedelta(minutes=1))
    Batch.objects.update(assignments_per_hit=5)
    assert extra.disputed(Batch.objects.get()) == []


@pytest.mark.parametrize("verdict", [Verdict.AGAIN, Verdict.REJECT])
def test_a_unit_that_another_client_deleted_is_asked_of_nobody_more_and_says_so(
    verdict: Verdict, clip: Clip, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=1))
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(batch.pk)
    row = Assignment.objects.get()
    verdicts.decide(row.pk, verdict, None, "please mark one moment")
    theirs = Crowd("local").client
    if verdict == Verdict.AGAIN:
        theirs.approve_assignment(AssignmentId=row.assignment_id)
    else:
        theirs.reject_assignment(AssignmentId=row.assignment_id, RequesterFeedback="not ours")
    theirs.delete_hit(HITId=row.hit.hit_id)
    decisions.push_decision(row.pk)
    row.refresh_from_db()
    assert row.state in {Assignment.State.APPROVED, Assignment.State.REJECTED}
    assert (batch.hits.get().wanted, batch.hits.get().extra) == (1, 0)
    assert "nobody else can be asked" in Finding.objects.get().text
    reconcile.complete(Reconciliation.objects.create(environment="local").pk)
    batch.refresh_from_db()
    assert (batch.state, ledger.totals(batch)["held"]) == (Batch.State.CLOSED, 0)


def paid_and_to_be_asked_again(annotator: WorkerBrowser) -> tuple[Batch, Assignment]:
    """The one answer of a batch, on which somebody has decided so; the marketplace is not told yet."""
    batch = launch_batch(make_batch(assignments_per_hit=1))
    annotator.do(batch.hit_type_id, answer=json.dumps(GOOD))
    collect.collect(batch.pk)
    row = Assignment.objects.get()
    verdicts.decide(row.pk, Verdict.AGAIN, None)
    return batch, row


def test_a_verdict_that_is_told_when_the_time_is_over_pays_and_asks_nobody(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    batch, row = paid_and_to_be_asked_again(annotators[0])
    Hit.objects.update(ends_at=timezone.now())
    decisions.push_decision(row.pk)
    row.refresh_from_db()
    hit = batch.hits.get()
    assert (row.state, hit.state, hit.wanted, hit.extra) == (Assignment.State.APPROVED, Hit.State.DONE, 1, 0)
    assert not launch.expired(batch).exists(), "its answers are all paid"
    assert "its time is over" in Finding.objects.get().text


def test_a_dispute_about_a_deleted_unit_holds_nothing_up(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch(agreement=0.5))
    hit = disagree(batch, annotators, GOOD, OTHER)
    for row in Assignment.objects.all():
        Crowd("local").client.approve_assignment(AssignmentId=row.assignment_id)
    Crowd("local").client.delete_hit(HITId=hit.hit_id)
    assert extra.ask_where_they_disagree(batch.pk) == 0
    assert batch.hits.get().wanted == 2


def test_an_answer_that_is_paid_and_asked_again_is_asked_of_one_more_worker_once(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    batch, row = paid_and_to_be_asked_again(annotators[0])
    for _ in range(2):
        decisions.push_decision(row.pk)
    hit = batch.hits.get()
    assert hit.hit_id is not None
    assert (hit.state, hit.extra, hit.wanted) == (Hit.State.OPEN, 1, 2)
    assert Crowd("local").client.get_hit(HITId=hit.hit_id)["HIT"]["MaxAssignments"] == 2
    annotators[3].do(batch.hit_type_id, answer=json.dumps(OTHER))
    collect.collect(batch.pk)
    use(Assignment.objects.latest("pk"))
    batch.refresh_from_db()
    assert (batch.hits.get().state, batch.state) == (Hit.State.DONE, Batch.State.CLOSED)
    assert Segment.objects.get().start == OTHER["start"]
