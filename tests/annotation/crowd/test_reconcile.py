"""What the marketplace does without us: its clock, other clients of the account, HITs that go. Both sides are read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from annotation.crowd import collect, decisions, launch, reconcile, steering
from annotation.crowd.client import Crowd, Submitted
from annotation.crowd.standing import counts_after_verdict
from annotation.crowd.workers import blocks
from annotation.models import Assignment, Batch, Clip, Finding, Hit, LedgerEntry, Reconciliation, Segment, Worker
from annotation.review import ledger, verdicts
from annotation.review.verdicts import ReviewError, Verdict
from tests.annotation.crowd.orders import GOOD, launch_batch, make_batch
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = pytest.mark.django_db
DAY = 86_400.0
LATE = "please mark one moment"


def send(worker: WorkerBrowser, batch: Batch) -> None:
    worker.do(batch.hit_type_id, answer=json.dumps(GOOD))


def money(batch: Batch) -> tuple[Decimal, Decimal]:
    totals = ledger.totals(batch)
    return totals["spent"], totals["held"]


def money_there(crowd: Site, batch: Batch) -> tuple[Decimal, Decimal]:
    """The same, from the marketplace's own database."""
    hits = [hit for hit in batch.hits.values_list("hit_id", flat=True) if hit]
    with psycopg.connect(crowd.database_url) as theirs:
        row = theirs.execute(
            "SELECT coalesce(sum(amount) FILTER (WHERE kind IN ('reward', 'fee', 'bonus', 'bonus_fee')), 0),"
            " (SELECT sum(held) FROM marketplace_hit WHERE public_id = ANY(%(hits)s))"
            " FROM marketplace_ledgerentry entry JOIN marketplace_hit hit ON hit.id = entry.hit_id"
            " WHERE hit.public_id = ANY(%(hits)s)",
            {"hits": hits},
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def complete() -> Reconciliation:
    row = Reconciliation.objects.create(environment="local")
    reconcile.complete(row.pk)
    row.refresh_from_db()
    return row


@pytest.fixture
def batch(clip: Clip, annotators: list[WorkerBrowser], settings: Any) -> Batch:
    """Two units, two workers each, made in their order: workers take the oldest."""
    settings.LAUNCH_AT_ONCE = 1
    Clip.objects.create(video=clip.video, start=30.0, end=60.0)
    return launch_batch(make_batch())


def test_answers_that_the_clock_approved_are_paid_and_wait_for_a_reviewer(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    send(annotators[0], batch)
    reconcile.follow("local")
    send(annotators[3], batch)  # not collected when the clock approves it
    crowd.advance(8 * DAY)
    assert reconcile.follow("local") == 1
    assert [row.state for row in Assignment.objects.all()] == [Assignment.State.APPROVED] * 2
    assert money(batch) == (Decimal("0.28"), Decimal("0.28"))
    assert money_there(crowd, batch) == money(batch)
    first, second = Assignment.objects.filter(Assignment.unreviewed())
    with pytest.raises(ReviewError, match=r"approved and paid .* by itself"):
        verdicts.decide(first.pk, Verdict.REJECT, None, LATE)
    verdicts.decide(first.pk, Verdict.USE, None)
    verdicts.decide(second.pk, Verdict.PAY, None)
    assert Segment.objects.count() == 1
    assert not Assignment.objects.filter(Assignment.unreviewed()).exists()
    assert money(batch)[0] == Decimal("0.28")


def test_a_rejection_that_comes_after_the_clock_is_said_to_be_too_late(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    send(annotators[0], batch)
    reconcile.follow("local")
    crowd.advance(8 * DAY)
    late = Assignment.objects.get()
    verdicts.decide(late.pk, Verdict.REJECT, None, LATE)
    decisions.push_decision(late.pk)
    late.refresh_from_db()
    assert (late.state, late.used) == (Assignment.State.APPROVED, False)
    finding = Finding.objects.get()
    assert (finding.batch, finding.subject) == (batch, late.assignment_id)
    assert "rejected too late" in finding.text


def test_units_that_expire_give_their_money_back_and_are_asked_again(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    send(annotators[0], batch)
    crowd.advance(15 * DAY)
    reconcile.follow("local")
    assert money(batch) == (Decimal("0.14"), Decimal("0.00"))
    assert money_there(crowd, batch) == money(batch)
    assert set(batch.hits.values_list("state", flat=True)) == {Hit.State.EXPIRED}
    batch.refresh_from_db()
    assert batch.state == Batch.State.CLOSED
    crowd.faults(reset_clock=True)
    assert launch.request_relaunch(batch.pk) == 2
    with pytest.raises(launch.LaunchError, match="launching"):
        launch.request_relaunch(batch.pk)
    launch.launch(batch.pk)
    again = batch.hits.filter(attempt=2)
    assert {hit.state for hit in again} == {Hit.State.OPEN}
    assert not launch.expired(batch).exists()
    assert money(batch) == money_there(crowd, batch) == (Decimal("0.14"), Decimal("0.56"))


def test_a_relaunch_stays_within_the_budget(batch: Batch, crowd: Site) -> None:
    Batch.objects.update(budget=Decimal("0.55"))
    crowd.advance(15 * DAY)
    reconcile.follow("local")
    with pytest.raises(launch.LaunchError, match=r"\$0.55 of the budget is left"):
        launch.request_relaunch(batch.pk)
    assert not batch.hits.filter(attempt=2).exists()


def test_hits_that_are_gone_end_without_a_crash(batch: Batch, crowd: Site) -> None:
    crowd.advance(147 * DAY)
    crowd.faults(tick=True)
    assert Crowd("local").hit_page("")[0] == []
    complete()
    assert set(batch.hits.values_list("state", flat=True)) == {Hit.State.EXPIRED}
    assert money(batch) == (Decimal("0.00"), Decimal("0.00"))
    assert money_there(crowd, batch)[1] == 0


def test_a_hit_of_another_server_ends_too(batch: Batch) -> None:
    """Its id is unknown there: another database behind the address, or a HIT older than it keeps."""
    hit = batch.hits.first()
    assert hit is not None
    Hit.objects.filter(pk=hit.pk).update(hit_id="3GONE00000000000000000000")
    complete()
    hit.refresh_from_db()
    assert hit.state == Hit.State.EXPIRED
    assert ledger.held(hit) == 0


def test_bonuses_of_another_client_are_booked_once_each(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    send(annotators[0], batch)
    reconcile.follow("local")
    answer = Assignment.objects.get()
    for token in ("one", "two"):
        Crowd("local").client.send_bonus(
            WorkerId=annotators[0].id,
            AssignmentId=answer.assignment_id,
            BonusAmount="0.50",
            Reason="very good work",
            UniqueRequestToken=f"{batch.name}-{token}",
        )
    for _ in range(2):
        complete()
    assert money(batch)[0] == Decimal("1.20")
    assert money_there(crowd, batch) == money(batch)
    assert list(LedgerEntry.objects.filter(kind="bonus").values_list("amount", flat=True)) == [Decimal("0.50")] * 2
    assert "very good work" in Finding.objects.get().text


@pytest.mark.parametrize("decided", [None, Verdict.USE])
def test_a_rejection_by_another_client_is_taken_over_and_shown(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser], decided: Verdict | None
) -> None:
    send(annotators[0], batch)
    reconcile.follow("local")
    answer = Assignment.objects.get()
    Crowd("local").client.reject_assignment(AssignmentId=answer.assignment_id, RequesterFeedback="not ours")
    if decided:
        verdicts.decide(answer.pk, decided, None)
        decisions.push_decision(answer.pk)
    reconcile.follow("local")
    answer.refresh_from_db()
    assert answer.state == Assignment.State.REJECTED
    assert ("in the data" in Finding.objects.get().text) == bool(decided)
    assert money(batch) == money_there(crowd, batch) == (Decimal("0.00"), Decimal("0.42"))


def test_a_rejection_that_another_client_overrides_is_booked(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    send(annotators[0], batch)
    reconcile.follow("local")
    answer = Assignment.objects.get()
    verdicts.decide(answer.pk, Verdict.REJECT, None, LATE)
    decisions.push_decision(answer.pk)
    Crowd("local").client.approve_assignment(AssignmentId=answer.assignment_id, OverrideRejection=True)
    complete()
    answer.refresh_from_db()
    assert answer.state == Assignment.State.APPROVED
    assert money(batch) == money_there(crowd, batch)
    assert "too late" in Finding.objects.get().text


def test_a_database_from_yesterday_finds_its_hits_answers_and_payments(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    """Restored from a backup: launched since, worked on since, paid since."""
    send(annotators[0], batch)
    reconcile.follow("local")
    answer = Assignment.objects.get()
    verdicts.decide(answer.pk, Verdict.PAY, None)
    decisions.push_decision(answer.pk)
    known = set(batch.hits.values_list("hit_id", flat=True))
    with_trigger_off()
    Assignment.objects.all().delete()
    batch.hits.update(state=Hit.State.WAITING, hit_id=None, counts="")
    complete()
    assert set(batch.hits.values_list("hit_id", flat=True)) == known
    assert Assignment.objects.get().state == Assignment.State.APPROVED
    assert money(batch) == money_there(crowd, batch)


def with_trigger_off() -> None:
    """What a restored backup does not have was never written."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM annotation_ledgerentry WHERE assignment_id IS NOT NULL")
        cursor.execute("DELETE FROM annotation_reviewevent")
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_a_hit_that_another_client_made_of_our_type_is_shown(batch: Batch) -> None:
    hit = batch.hits.first()
    assert hit is not None
    Crowd("local").client.create_hit_with_hit_type(
        HITTypeId=batch.hit_type_id, Question=launch.external_question(hit), LifetimeInSeconds=3600
    )
    for _ in range(2):
        reconcile.follow("local")
    assert "did not make" in Finding.objects.get().text


def test_a_pass_reads_only_what_has_changed(
    batch: Batch, annotators: list[WorkerBrowser], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    whole = Crowd._rows

    def counted(self: Crowd, operation: str, name: str, **members: Any) -> Any:
        calls.append(operation)
        return whole(self, operation, name, **members)

    monkeypatch.setattr(Crowd, "_rows", counted)
    reconcile.follow("local")
    assert calls == [], "of a new HIT there is nothing to read"
    page = annotators[0].accept(batch.hit_type_id)
    reconcile.follow("local")
    assert calls == [], "nothing has come; that somebody works is no news"
    assert annotators[0].submit(page, answer=json.dumps(GOOD)).status == 200
    reconcile.follow("local")
    assert calls == ["list_assignments_for_hit"]
    assert Assignment.objects.count() == 1


def test_what_we_told_ourselves_is_not_read_again(batch: Batch, annotators: list[WorkerBrowser]) -> None:
    """What a HIT should count is what it counts, through every verdict; else the next pass looks."""
    first, second = (annotators[0], annotators[3])

    def as_there() -> list[bool]:
        crowd = Crowd("local")
        return [hit.counts == crowd.standing(hit.hit_id or "").counts for hit in batch.hits.order_by("pk")]  # type: ignore[union-attr]

    assert as_there() == [True, True]
    send(first, batch)
    send(second, batch)
    assert as_there() == [False, True]
    reconcile.follow("local")
    assert as_there() == [True, True]
    for assignment in Assignment.objects.order_by("pk"):
        verdicts.decide(assignment.pk, Verdict.USE, None)
        decisions.push_decision(assignment.pk)
        assert as_there() == [True, True]
    done = Hit.objects.earliest("pk")
    assert (done.counts, done.state) == ("0 2 of 2 over", Hit.State.DONE)
    send(first, batch)
    send(second, batch)
    reconcile.follow("local")
    approved, rejected = Assignment.objects.filter(state=Assignment.State.SUBMITTED).order_by("pk")
    verdicts.decide(rejected.pk, Verdict.REJECT, None, "this is not what can be seen there")
    decisions.push_decision(rejected.pk)
    assert as_there() == [True, False], "one more is asked for, and money is held for it"
    reconcile.follow("local")
    assert as_there() == [True, True]
    verdicts.decide(approved.pk, Verdict.USE, None)
    decisions.push_decision(approved.pk)
    assert as_there() == [True, True]


def test_a_verdict_hides_no_answer_that_came_meanwhile(batch: Batch, annotators: list[WorkerBrowser]) -> None:
    send(annotators[0], batch)
    reconcile.follow("local")
    answer = Assignment.objects.get()
    send(annotators[3], batch)  # not read yet
    verdicts.decide(answer.pk, Verdict.USE, None)
    decisions.push_decision(answer.pk)
    assert reconcile.follow("local") == 1
    assert Assignment.objects.count() == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1 0 of 2", "0 1 of 2"),
        ("1 1 of 2", "0 2 of 2 over"),
        ("2 3 of 9", "1 4 of 9"),
        ("0 1 of 2", "0 1 of 2"),
        ("", ""),
        ("gone", "gone"),
        ("1 0 of 2 over", "1 0 of 2 over"),
    ],
)
def test_what_a_hit_counts_after_a_verdict(before: str, after: str) -> None:
    assert counts_after_verdict(before) == after


def test_a_second_pass_beside_the_first_asks_nobody(batch: Batch, crowd: Site, annotators: list[WorkerBrowser]) -> None:
    send(annotators[0], batch)
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('follow local'))")
    assert reconcile.follow("local") == 0
    assert not Assignment.objects.exists()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(hashtext('follow local'))")
    other.close()
    assert reconcile.follow("local") == 1
    assert Assignment.objects.count() == 1


def test_a_pass_that_runs_out_of_time_goes_on_where_it_stopped(
    batch: Batch, annotators: list[WorkerBrowser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.crowd.client.PAGE", 1)
    send(annotators[0], batch)  # on the older of the two HITs: the second page
    assert reconcile.follow("local", seconds=0.0) == 0
    assert not Assignment.objects.exists()
    assert reconcile.follow("local", seconds=0.0) == 1
    assert Assignment.objects.count() == 1
    Crowd("local").hit_page("a token of another server")


def test_a_page_that_fails_is_read_again(batch: Batch, crowd: Site, annotators: list[WorkerBrowser]) -> None:
    send(annotators[0], batch)
    crowd.faults(add={"kind": "service_fault", "operation": "ListAssignmentsForHIT", "remaining": 8})
    with pytest.raises(Exception, match="ServiceFault"):
        reconcile.follow("local")
    assert not Assignment.objects.exists()
    crowd.faults(clear=True)
    reconcile.follow("local")
    assert Assignment.objects.count() == 1


def test_the_command_compares_everything_and_says_what_it_found(
    batch: Batch, annotators: list[WorkerBrowser], capsys: pytest.CaptureFixture[str]
) -> None:
    send(annotators[0], batch)
    Crowd("local").block(annotators[3].id, "spam")
    call_command("reconcile")
    printed = capsys.readouterr().out
    assert "2 HITs compared" in printed
    assert "blocked at the marketplace by another client" in printed
    worker = Worker.objects.get(worker_id=annotators[3].id)
    assert (worker.blocked, worker.block_reason) == (True, "spam")
    blocks.set_blocked(worker.pk, blocked=False)
    blocks.push_block(worker.pk)
    assert annotators[3].id not in Crowd("local").blocks()


def test_a_worker_who_has_accepted_may_still_send_after_a_stop(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser]
) -> None:
    page = annotators[0].accept(batch.hit_type_id)
    steering.request_close(batch.pk)
    assert not steering.close(batch.pk), "somebody is at work"
    assert money_there(crowd, batch) == money(batch) == (Decimal("0.00"), Decimal("0.14"))
    assert annotators[0].submit(page, answer=json.dumps(GOOD)).status == 200
    assert not steering.close(batch.pk), "and now waits for a verdict"
    assert collect.collect(batch.pk, every_hit=True) == 0, "the answer was taken over by the stop itself"
    verdicts.decide(Assignment.objects.get().pk, Verdict.USE, None)
    decisions.push_decision(Assignment.objects.get().pk)
    assert steering.close(batch.pk)
    assert money(batch) == (Decimal("0.14"), Decimal("0.00"))


def test_what_was_told_while_a_pass_read_is_read_again(
    batch: Batch, crowd: Site, annotators: list[WorkerBrowser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lock is held while the marketplace answers: here a payment comes between the reading and the writing."""
    send(annotators[0], batch)
    reconcile.follow("local")
    answer = Assignment.objects.get()
    verdicts.decide(answer.pk, Verdict.USE, None)
    read, calls = Crowd.assignments, []

    def slowly(self: Crowd, hit_id: str) -> list[Submitted]:
        assert not connection.in_atomic_block or connection.savepoint_ids == [], "inside a transaction of its own"
        found = list(read(self, hit_id))
        calls.append(hit_id)
        if len(calls) == 1:
            decisions.push_decision(answer.pk)
        return found

    monkeypatch.setattr(Crowd, "assignments", slowly)
    reconcile.mend(Crowd("local"), answer.hit_id)
    assert len(calls) == 2
    answer.refresh_from_db()
    assert answer.state == Assignment.State.APPROVED
    assert money(batch) == money_there(crowd, batch) == (Decimal("0.14"), Decimal("0.42"))
