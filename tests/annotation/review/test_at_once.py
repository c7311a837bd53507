"""Two people, or a person and the marketplace, decide about the same thing at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from annotation.crowd import decisions
from annotation.locks import locked_hits
from annotation.models import Assignment, Hit, LedgerEntry, Query, Receipt, Segment
from annotation.models.crowd import Kind
from annotation.review import ledger, verdicts
from annotation.review.verdicts import ReviewError, Verdict, decide
from tests.annotation.pages.test_review_page import give

pytestmark = pytest.mark.django_db(transaction=True)
Beside = Callable[[Callable[[], object], Callable[[], object]], object]
WAITS_S = 1.0


@pytest.fixture
def beside() -> Beside:
    """Begin the second while the first is done and not committed; what the second returned or raised."""

    def run(first: Callable[[], object], second: Callable[[], object]) -> object:
        came: list[object] = []

        def other() -> None:
            try:
                came.append(second())
            except ReviewError as error:
                came.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=other)
        with transaction.atomic():
            first()
            thread.start()
            time.sleep(WAITS_S)
        thread.join()
        return came[0]

    return run


@pytest.fixture
def people() -> tuple[User, User]:
    return User.objects.create_user("ada"), User.objects.create_user("bo")


def test_the_bulk_leaves_out_what_somebody_else_is_deciding(
    beside: Beside, people: tuple[User, User], make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": 1.0 + 8 * n, "end": 7.0 + 8 * n}) for n in range(3)]

    def pay() -> object:
        return decide(rows[1].pk, Verdict.PAY, people[0])

    assert beside(pay, lambda: verdicts.use_clean(hit.batch_id, rows[-1].pk, people[1])) == 2
    assert list(Assignment.objects.order_by("pk").values_list("used", flat=True)) == [True, False, True]


@pytest.mark.parametrize("start", [5.0, 5.05])
def test_marks_of_one_moment_are_votes_for_one_segment(
    beside: Beside, make_hit: Callable[..., Hit], start: float
) -> None:
    hit = make_hit(Kind.SEGMENT)
    one, other = give(hit, {"start": 5.0, "end": 12.0}), give(hit, {"start": start, "end": 12.0})
    beside(lambda: decide(one.pk, Verdict.USE, None), lambda: decide(other.pk, Verdict.USE, None))
    assert Segment.objects.get().votes == 2


def test_of_two_equal_texts_used_at_once_one_is_in_the_data(
    beside: Beside, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    texts = ("a red ball rolls over the green floor", "A red ball rolls over the green floor!")
    one, other = (give(hit, {"query": text, "based_on": "v"}) for text in texts)
    beside(lambda: decide(one.pk, Verdict.USE, None), lambda: decide(other.pk, Verdict.USE, None))
    assert list(Query.objects.values_list("text", flat=True)) == [texts[0]]
    assert set(Assignment.objects.values_list("state", "used")) == {("approving", True), ("approving", False)}


def test_what_the_marketplace_has_paid_meanwhile_stays_paid_and_waits(
    beside: Beside, people: tuple[User, User], make_hit: Callable[..., Hit]
) -> None:
    row = give(make_hit(Kind.SEGMENT), {"start": 5.0, "end": 12.0})
    decide(row.pk, Verdict.USE, people[0], tell_at=timezone.now() + timedelta(minutes=10))

    def paid() -> object:
        locked = Assignment.objects.select_for_update(of=("self",)).select_related("hit__batch").get(pk=row.pk)
        return decisions.record(locked, "Approved")

    assert beside(paid, lambda: verdicts.undo(row.hit.batch_id, people[0])) == ([row], [])
    row.refresh_from_db()
    assert (row.state, row.used, row.reviewed_at) == (Assignment.State.APPROVED, False, None)
    assert LedgerEntry.objects.filter(kind="reward").count() == 1
    assert not Segment.objects.exists()


def test_what_names_a_hit_and_its_batch_does_not_wait_while_a_payment_is_booked(
    beside: Beside, make_hit: Callable[..., Hit]
) -> None:
    """A worker who sends an answer, and whoever holds money for another HIT."""
    row = give(make_hit(Kind.SEGMENT), {"start": 5.0, "end": 12.0})
    hit = row.hit

    def book() -> object:
        list(locked_hits([hit.pk]))
        ledger.pay(row)
        return decisions.finish(hit)

    @transaction.atomic
    def send_and_hold() -> object:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '500ms'")
        Receipt.objects.create(hit=hit, assignment_id="A", worker_id="AW", sha256="0", payload={})
        ledger.hold([hit])
        return True

    assert beside(book, send_and_hold)
    assert Receipt.objects.count() == 1
