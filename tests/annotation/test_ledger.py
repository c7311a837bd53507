"""What is held, paid and given back, without a marketplace."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from annotation.crowd.decisions import finish
from annotation.crowd.standing import Standing
from annotation.models import Assignment, Batch, Hit, Worker
from annotation.models.crowd import Kind
from annotation.review import ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def hit(make_hit: Callable[..., Hit]) -> Hit:
    """A HIT of three assignments at 12 cents and 2 cents of fee each, held in full."""
    made = make_hit(Kind.SEGMENT, assignments=3)
    ledger.hold([made])
    return made


def answer(hit: Hit, state: Assignment.State) -> Assignment:
    number = Assignment.objects.count()
    worker = Worker.objects.create(environment="local", worker_id=f"AW{number}", group=hit.batch.kind)
    return Assignment.objects.create(
        hit=hit,
        worker=worker,
        assignment_id=f"A{number}",
        answer="",
        state=state,
        submitted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def moved(batch: Batch | None = None) -> dict[str, Decimal]:
    """The sums that are not zero."""
    return {name: amount for name, amount in ledger.totals(batch).items() if amount}


@pytest.mark.parametrize(
    ("reward", "fee"), [("0.01", "0.01"), ("0.05", "0.01"), ("0.07", "0.01"), ("0.08", "0.02"), ("0.12", "0.02"),
                        ("0.13", "0.03"), ("2.50", "0.50")]
)  # fmt: skip
def test_the_fee_is_a_fifth_half_up_to_the_cent_and_at_least_one(reward: str, fee: str) -> None:
    assert ledger.fee(Decimal(reward)) == Decimal(fee)


def test_the_worst_case_pays_every_assignment_of_every_unit(hit: Hit) -> None:
    assert ledger.cost_per_assignment(hit.batch) == Decimal("0.14")
    assert ledger.worst_case(hit.batch, 5) == Decimal("2.10")


def test_a_hit_is_held_once(hit: Hit) -> None:
    ledger.hold([hit])
    assert moved() == {"hold": Decimal("0.42"), "held": Decimal("0.42")}


def test_a_payment_is_booked_once_and_comes_out_of_the_hold(hit: Hit) -> None:
    assignment = answer(hit, Assignment.State.APPROVED)
    for _ in range(2):
        ledger.pay(assignment)
    assert moved() == {
        "hold": Decimal("0.42"),
        "release": Decimal("0.14"),
        "reward": Decimal("0.12"),
        "fee": Decimal("0.02"),
        "spent": Decimal("0.14"),
        "held": Decimal("0.28"),
    }


@pytest.mark.parametrize("approved", [0, 1, 3])
@pytest.mark.parametrize("still_open", [0, 2, 4])
def test_as_much_is_held_as_open_assignments_may_cost(hit: Hit, approved: int, still_open: int) -> None:
    for _ in range(approved):
        ledger.pay(answer(hit, Assignment.State.APPROVED))
    changed = [ledger.hold_for(hit, still_open) for _ in range(2)]
    assert ledger.held(hit) == ledger.totals()["held"] == still_open * Decimal("0.14")
    assert ledger.totals()["spent"] == approved * Decimal("0.14")
    assert changed == [3 - approved != still_open, False]


def test_a_payment_that_was_not_held_takes_nothing_from_the_hold_of_others(hit: Hit) -> None:
    """A rejection that another client overrides is paid out of the balance."""
    ledger.hold_for(hit, 0)
    ledger.pay(answer(hit, Assignment.State.APPROVED))
    assert (ledger.totals()["held"], ledger.totals()["spent"]) == (0, Decimal("0.14"))


def test_a_bonus_of_another_client_is_booked_once_with_its_fee(hit: Hit) -> None:
    assignment = answer(hit, Assignment.State.APPROVED)
    booked = [ledger.book_bonus(assignment, Decimal("0.50"), key) for key in ("one", "one", "two")]
    assert booked == [True, False, True]
    assert moved() == {
        "hold": Decimal("0.42"),
        "held": Decimal("0.42"),
        "bonus": Decimal("1.00"),
        "bonus_fee": Decimal("0.20"),
        "spent": Decimal("1.20"),
    }


def test_totals_are_of_one_batch_or_of_all(hit: Hit, make_hit: Callable[..., Hit]) -> None:
    other = make_hit(Kind.QA, assignments=1)
    ledger.hold([other])
    ledger.pay(answer(other, Assignment.State.APPROVED))
    assert moved(hit.batch) == {"hold": Decimal("0.42"), "held": Decimal("0.42")}
    assert ledger.totals(other.batch)["held"] == 0
    assert ledger.totals(other.batch)["spent"] == ledger.totals()["spent"] == Decimal("0.14")
    assert ledger.totals()["held"] == Decimal("0.42")


def test_a_bonus_is_spent_and_was_never_held(hit: Hit) -> None:
    assignment = answer(hit, Assignment.State.APPROVED)
    hit.batch.ledger.create(hit=hit, assignment=assignment, kind="bonus", amount=Decimal("1.00"), token="bonus:1")
    totals = ledger.totals(hit.batch)
    assert (totals["spent"], totals["held"]) == (Decimal("1.00"), Decimal("0.42"))


@pytest.mark.parametrize("state", [state for state in Assignment.State if state != Assignment.State.APPROVED])
def test_a_unit_ends_with_its_last_payment_and_not_with_its_last_answer(hit: Hit, state: Assignment.State) -> None:
    for each in (Assignment.State.APPROVED, Assignment.State.APPROVED, state):
        answer(hit, each)
    finish(hit)
    assert (Hit.objects.get().state, Batch.objects.get().state) == (Hit.State.OPEN, Batch.State.OPEN)
    Assignment.objects.update(state=Assignment.State.APPROVED)
    finish(hit)
    assert (Hit.objects.get().state, Batch.objects.get().state) == (Hit.State.DONE, Batch.State.CLOSED)


@pytest.mark.parametrize(
    ("status", "counters", "submitted", "still_open"),
    [
        ("Assignable", {"wanted": 5, "pending": 1, "available": 1, "decided": 2}, 1, 3),
        ("Reviewable", {"wanted": 5, "pending": 0, "available": 1, "decided": 2}, 2, 2),
        ("Reviewable", {"wanted": 3, "pending": 0, "available": 0, "decided": 3}, 0, 0),
        ("Reviewable", {"wanted": 3, "pending": 0, "available": 3, "decided": 0}, 0, 0),
        ("Disposed", {"wanted": 3, "pending": 0, "available": 0, "decided": 1}, 2, 0),
    ],
)
def test_what_is_decided_costs_nothing_more(
    status: str, counters: dict[str, int], submitted: int, still_open: int
) -> None:
    standing = Standing(hit_id="H", hit_type_id="T", annotation="", status=status, **counters)
    assert (standing.submitted, standing.open) == (submitted, still_open)
