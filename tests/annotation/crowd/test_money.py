"""The account's balance beside the ledger, and the report of all money."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation.crowd import reconcile
from annotation.crowd.client import Crowd
from annotation.crowd.workers import bonuses
from annotation.models import Assignment, Batch, Clip, Finding, LedgerEntry, Reconciliation, Segment
from annotation.models.crowd import Kind
from annotation.review import ledger
from annotation.review.money_report import By, report
from tests.annotation.crowd.orders import GOOD, launch_batch, make_batch, use
from tests.annotation.crowd.test_reconcile import complete
from tests.marketplace.site import Site, WorkerBrowser, external

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def account(crowd: Site, settings: Any) -> str:
    """An account of its own; its access key."""
    settings.MTURK_ACCESS_KEY, settings.MTURK_SECRET = crowd.account("100.00")
    return str(settings.MTURK_ACCESS_KEY)


def test_what_we_hold_and_pay_is_no_difference(clip: Clip, account: str) -> None:
    assert complete().balance == Decimal("100.00")
    launch_batch(make_batch())
    row = complete()
    assert (row.balance, row.booked) == (Decimal("99.72"), Decimal("0.28"))
    assert not Finding.objects.exists()


def test_work_paid_and_a_bonus_are_no_difference(clip: Clip, annotators: list[WorkerBrowser]) -> None:
    complete()
    batch = launch_batch(make_batch())
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    use(Assignment.objects.get())
    bonuses.push_bonus(bonuses.promise(Assignment.objects.get().pk, Decimal("0.50"), "good")[0].pk)
    complete()
    assert not Finding.objects.exists()


@pytest.mark.parametrize(("amount", "says"), [("12.00", "$12.00 more"), ("-0.24", "$0.24 less")])
def test_money_that_nobody_booked_is_shown_on_the_money_page(
    clip: Clip, crowd: Site, account: str, staff: Client, amount: str, says: str
) -> None:
    complete()
    if amount == "12.00":
        crowd.manage("deposit", "--name", f"Video lab {account}", "--amount", amount)
    else:
        Crowd("local").client.create_hit(
            Title="Somebody else's", Description="d", Reward="0.20", AssignmentDurationInSeconds=600,
            LifetimeInSeconds=600, MaxAssignments=1, Question=external("http://localhost:8000/t"),
        )  # fmt: skip
    complete()
    complete()
    finding = Finding.objects.get(subject="balance")
    assert says in finding.text
    assert says in staff.get("/money/").content.decode()


@pytest.mark.parametrize("moving", ["launch", "verdict", "bonus"])
def test_nothing_is_compared_while_something_is_on_its_way(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser], moving: str
) -> None:
    batch = launch_batch(make_batch())
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    answer = Assignment.objects.get()
    if moving == "launch":
        Batch.objects.filter(pk=make_batch().pk).update(state=Batch.State.LAUNCHING)
    elif moving == "verdict":
        Assignment.objects.update(state=Assignment.State.APPROVING)
    else:
        bonuses.promise(answer.pk, Decimal("0.50"), "good")
    assert complete().balance is None
    assert Reconciliation.objects.get().state == Reconciliation.State.DONE


@pytest.fixture
def spent(make_hit: Any, worker: Any, segment: Segment) -> None:
    """Two batches, two workers; one bonus; one hold."""
    other = type(worker).objects.create(environment="local", worker_id="AWORKER2", group=Kind.QUERY)
    hits = [make_hit(Kind.SEGMENT), make_hit(Kind.QUERY, segment=segment)]
    ledger.hold(hits)
    for hit, who in ((hits[0], worker), (hits[0], other), (hits[1], other)):
        answer = Assignment.objects.create(
            hit=hit, worker=who, assignment_id=f"3{hit.pk}{who.pk}", answer="", state="approved",
            submitted_at="2026-01-01T00:00:00Z",
        )  # fmt: skip
        ledger.pay(answer)
    ledger.book_bonus(answer, Decimal("1.00"), "one")


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        (By.BATCH, [("query batch", 1, "0.12", "1.00", "0.22", "1.34", "0.14"),
                    ("segment batch", 2, "0.24", "0.00", "0.04", "0.28", "0.00")]),
        (By.WORKER, [("AWORKER2", 2, "0.24", "1.00", "0.24", "1.48", "0.00"),
                     ("AWORKER1", 1, "0.12", "0.00", "0.02", "0.14", "0.00")]),
        (By.STAGE, [("query", 1, "0.12", "1.00", "0.22", "1.34", "0.14"),
                    ("segment", 2, "0.24", "0.00", "0.04", "0.28", "0.00")]),
    ],
)  # fmt: skip
def test_the_report_adds_up_by_batch_worker_and_stage(
    spent: None, staff: Client, by: By, rows: list[tuple[Any, ...]]
) -> None:
    names = ("key", "answers paid", "rewards", "bonuses", "fees", "spent", "held")
    found = [tuple(row[name] for name in names) for row in report(by)]
    assert found == [(key, n, *map(Decimal, money)) for key, n, *money in rows]
    page = staff.get(f"/money/?by={by}").content.decode()
    assert all(key in page for key, *_ in rows)
    table = list(csv.reader(io.StringIO(staff.get(f"/money/report.csv?by={by}").content.decode())))
    assert table[1:] == [[key, str(n), *money] for key, n, *money in rows]


def test_the_report_by_month_has_a_row_a_month(spent: None, staff: Client) -> None:
    (row,) = report(By.MONTH)
    assert (row["answers paid"], row["spent"], row["held"]) == (3, Decimal("1.62"), Decimal("0.14"))
    month = f"{LedgerEntry.objects.latest('pk').created_at:%Y-%m}"
    assert month in staff.get("/money/?by=month").content.decode()


def test_a_name_is_no_formula_in_a_spreadsheet(spent: None, staff: Client) -> None:
    Batch.objects.filter(kind="query").update(name="=1+1")
    assert "'=1+1" in staff.get("/money/report.csv").content.decode()
    assert staff.get("/money/?by=x").status_code == 200
