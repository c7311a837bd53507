"""Answers taken over, used, told and booked several at a time: as if one after the other, and each once."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.crowd import decisions, reconcile
from annotation.crowd.client import Crowd
from annotation.crowd.standing import Standing
from annotation.models import Assignment, Batch, Clip, Finding, Hit, LedgerEntry, Segment
from annotation.review import verdicts
from annotation.review.verdicts import ReviewError, Verdict
from tests.annotation.crowd.orders import GOOD, launch_batch, make_batch
from tests.annotation.crowd.test_reconcile import money, money_there
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = pytest.mark.django_db
UNITS = 3
PAID = Decimal("0.14")


@pytest.fixture
def batch(clip: Clip, annotators: list[WorkerBrowser], settings: Any) -> Batch:
    """Three units of one worker each, all answered and not read."""
    settings.LAUNCH_AT_ONCE = 1
    for start in (30.0, 60.0):
        Clip.objects.create(video=clip.video, start=start, end=start + 30)
    made = launch_batch(make_batch(assignments_per_hit=1))
    for _ in range(UNITS):
        annotators[0].do(made.hit_type_id, answer=json.dumps(GOOD))
    return made


@pytest.fixture
def used(batch: Batch) -> list[int]:
    """The same answers, read and used."""
    reconcile.follow("local")
    answers = list(verdicts.waiting(batch.pk).values_list("pk", flat=True))
    assert verdicts.use(batch.pk, answers) == UNITS
    return answers


def test_a_pass_asks_for_the_answers_of_what_a_list_has_shown(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Crowd, "standing", lambda self, hit_id: pytest.fail("the list says how it stands"))
    assert reconcile.follow("local") == UNITS
    assert reconcile.follow("local") == 0
    assert Assignment.objects.filter(hit__batch=batch).count() == UNITS


def test_a_pass_reads_no_further_than_the_oldest_hit_of_which_news_may_come(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile.follow("local")
    two = list(Assignment.objects.order_by("hit").values_list("pk", flat=True)[:2])
    monkeypatch.setattr("annotation.crowd.client.PAGE", 1)
    read: list[str] = []
    hit_page = Crowd.hit_page
    monkeypatch.setattr(Crowd, "hit_page", lambda self, token: (read.append(token), hit_page(self, token))[1])

    def pages() -> int:
        read.clear()
        reconcile.follow("local")
        return len(read)

    assert pages() == UNITS
    verdicts.use(batch.pk, two)
    decisions.push_decisions(two)
    assert set(Hit.objects.filter(assignments__in=two).values_list("state", flat=True)) == {Hit.State.DONE}
    assert pages() == 1
    settled = Assignment.objects.filter(pk=two[0])
    settled.update(state=Assignment.State.APPROVING)  # the marketplace is not told yet
    assert pages() == UNITS
    settled.update(state=Assignment.State.APPROVED)
    lost = batch.hits.filter(pk=settled.get().hit_id)
    lost.update(hit_id=None, state=Hit.State.EXPIRED, asked_at=timezone.now())  # its id was never stored
    assert pages() == UNITS
    assert lost.get().hit_id is not None


def test_what_several_answers_cost_the_database_is_told_by_the_answers(
    batch: Batch, annotators: list[WorkerBrowser]
) -> None:
    """What is done once for all of them is not done for each."""
    with CaptureQueriesContext(connection) as queries:
        reconcile.follow("local")
    assert len(queries) <= 25 + 20 * UNITS
    assert len([query for query in queries if "annotation_receipt" in query["sql"]]) == 1


def test_several_are_paid_once_and_close_their_batch(batch: Batch, crowd: Site, used: list[int]) -> None:
    assert Segment.objects.count() == UNITS
    with CaptureQueriesContext(connection) as queries:
        decisions.push_decisions(used)
    assert len(queries) <= 20
    decisions.push_decisions(used)
    assert set(Assignment.objects.values_list("state", flat=True)) == {Assignment.State.APPROVED}
    assert LedgerEntry.objects.filter(kind="reward").count() == UNITS
    assert money(batch) == money_there(crowd, batch) == (UNITS * PAID, Decimal("0.00"))
    batch.refresh_from_db()
    assert batch.state == Batch.State.CLOSED
    assert reconcile.follow("local") == 0, "what we told ourselves is not read again"


@pytest.mark.parametrize("at_once", [1, 4])
def test_one_that_the_marketplace_refuses_keeps_no_other_from_its_pay(
    batch: Batch, used: list[int], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "TOLD_AT_ONCE", at_once)
    Assignment.objects.filter(pk=used[0]).update(assignment_id="3NOBODYKNOWSIT")
    with pytest.raises(ClientError, match="3NOBODYKNOWSIT"):
        decisions.push_decisions(used)
    states = dict(Assignment.objects.values_list("pk", "state"))
    assert states == dict(zip(used, ["approving", "approved", "approved"], strict=True))
    assert money(batch)[0] == 2 * PAID


@pytest.mark.parametrize("at_once", [1, 4])
def test_what_was_told_before_the_marketplace_failed_is_booked(
    batch: Batch, crowd: Site, used: list[int], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time nothing is told after that; of several at once, those that are on their way."""
    monkeypatch.setattr(decisions, "TOLD_AT_ONCE", at_once)
    approve, told = Crowd.approve, count(1)

    def fails(self: Crowd, assignment_id: str) -> str:
        if next(told) == 2:
            raise ConnectionError("the line is cut")
        return approve(self, assignment_id)

    monkeypatch.setattr(Crowd, "approve", fails)
    with pytest.raises(ConnectionError):
        decisions.push_decisions(used)
    paid = Assignment.objects.filter(state=Assignment.State.APPROVED).count()
    assert paid == 1 if at_once == 1 else 1 <= paid < UNITS, "what fails would fail again"
    assert money(batch) == money_there(crowd, batch) == (paid * PAID, (UNITS - paid) * PAID)
    decisions.push_decisions(used)
    assert money(batch) == money_there(crowd, batch) == (UNITS * PAID, Decimal("0.00"))


def test_verdicts_of_every_sort_are_told_together(batch: Batch, crowd: Site, annotators: list[WorkerBrowser]) -> None:
    reconcile.follow("local")
    use, reject, again = verdicts.waiting(batch.pk)
    verdicts.decide(use.pk, Verdict.USE, None)
    verdicts.decide(reject.pk, Verdict.REJECT, None, "please mark one moment")
    verdicts.decide(again.pk, Verdict.AGAIN, None)
    decisions.push_decisions([use.pk, reject.pk, again.pk])
    states = list(Assignment.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["approved", "rejected", "approved"]
    assert list(Hit.objects.order_by("pk").values_list("wanted", "extra")) == [(1, 0), (2, 0), (2, 1)]
    reconcile.follow("local")
    assert money(batch) == money_there(crowd, batch) == (2 * PAID, 2 * PAID)


def test_where_one_may_not_be_used_none_is(batch: Batch) -> None:
    reconcile.follow("local")
    answers = list(verdicts.waiting(batch.pk).values_list("pk", flat=True))
    Assignment.objects.filter(pk=answers[1]).update(payload=None)
    with pytest.raises(ReviewError, match="no valid answer"):
        verdicts.use(batch.pk, answers)
    assert set(Assignment.objects.values_list("state", flat=True)) == {Assignment.State.SUBMITTED}
    assert not Segment.objects.exists()


def test_what_was_told_after_the_list_was_read_is_read_again(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its standing says of money that is paid meanwhile that it is held."""
    batch = launch_batch(make_batch())
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    answer = Assignment.objects.get()
    verdicts.decide(answer.pk, Verdict.USE, None)
    annotators[3].do(batch.hit_type_id, answer=json.dumps(GOOD))
    read = Crowd.hit_page

    def then_told(self: Crowd, token: str) -> tuple[list[Standing], str | None]:
        page = read(self, token)
        decisions.push_decision(answer.pk)
        return page

    monkeypatch.setattr(Crowd, "hit_page", then_told)
    assert reconcile.follow("local") == 1
    assert Assignment.objects.count() == 2
    assert money(batch) == money_there(crowd, batch) == (PAID, PAID)


def test_a_unit_that_is_launched_while_a_pass_looks_is_no_stranger(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass has the HIT from the marketplace before its row has the id, and the row gets it before it is adopted."""
    hit = batch.hits.earliest("pk")
    batch.hits.filter(pk=hit.pk).update(hit_id=None, state=Hit.State.WAITING)
    adopt = reconcile.adopt

    def launched_first(row: Hit, hit_id: str) -> bool:
        Hit.objects.filter(pk=row.pk).update(hit_id=hit_id, state=Hit.State.OPEN)
        return adopt(row, hit_id)

    monkeypatch.setattr(reconcile, "adopt", launched_first)
    reconcile.follow("local")
    assert not Finding.objects.exists()
    reconcile.follow("local")
    assert Assignment.objects.count() == UNITS
