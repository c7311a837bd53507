"""Fees, holds and payments, in exact decimals.

Money of open slots is held when a HIT is made. `rebalance` moves the difference whenever the set of open slots has
changed; approving pays out of the hold. Callers hold the HIT's row lock; the requester's row is locked here, always
after the HIT's, so that two transactions cannot wait for each other.
"""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import F

from annotation.marketplace.models import Assignment, Hit, LedgerEntry, Requester, Worker
from annotation.marketplace.protocol.errors import refused

CENT = Decimal("0.01")
FEE_RATE = Decimal("0.20")
LARGE_HIT_RATE = Decimal("0.20")  # on top, from LARGE_HIT assignments on
LARGE_HIT = 10

Kind = LedgerEntry.Kind


def fee(amount: Decimal, max_assignments: int) -> Decimal:
    """The fee on one reward: 20 %, 40 % from 10 assignments, half up to the cent, at least one cent."""
    rate = FEE_RATE + (LARGE_HIT_RATE if max_assignments >= LARGE_HIT else Decimal(0))
    return max(CENT, (amount * rate).quantize(CENT, ROUND_HALF_UP))


def bonus_fee(amount: Decimal) -> Decimal:
    return fee(amount, 1)


def cost(reward: Decimal, hit: Hit) -> Decimal:
    """Reward and fee of one assignment of this HIT."""
    return reward + fee(reward, hit.max_assignments)


def deposit(requester: Requester, amount: Decimal, at: dt.datetime) -> None:
    Requester.objects.filter(pk=requester.pk).update(available=F("available") + amount)
    LedgerEntry.objects.create(requester=requester, kind=Kind.DEPOSIT, amount=amount, at=at)


def rebalance(hit: Hit, at: dt.datetime) -> None:
    """Hold exactly the cost of this HIT's open slots; saves `held`. Raises InsufficientFunds if it cannot."""
    open_rewards = Assignment.objects.filter(
        hit=hit, status__in=[Assignment.Status.ACCEPTED, Assignment.Status.SUBMITTED]
    ).values_list("reward", flat=True)
    required = sum((cost(reward, hit) for reward in open_rewards), Decimal(0))
    if hit.disposed_at is None and not hit.expiry_done:
        required += hit.free_slots * cost(hit.hit_type.reward, hit)
    change = required - hit.held
    if change == 0:
        return
    if change > 0:
        _take(hit.requester_id, change, hold=change)
    else:
        _move(hit.requester_id, available=-change, on_hold=change)
    LedgerEntry.objects.create(
        requester_id=hit.requester_id,
        kind=Kind.HOLD if change > 0 else Kind.RELEASE,
        amount=abs(change),
        hit=hit,
        at=at,
    )
    hit.held = required
    Hit.objects.filter(pk=hit.pk).update(held=required)


def pay_reward(assignment: Assignment, hit: Hit, at: dt.datetime, *, from_hold: bool) -> None:
    """Pay a worker's reward and its fee out of the HIT's hold, or (a rejection overridden) out of the balance.

    The caller, who holds the HIT's lock, saves what is held.
    """
    total = cost(assignment.reward, hit)
    if from_hold:
        _move(hit.requester_id, available=Decimal(0), on_hold=-total)
        hit.held -= total
    else:
        _take(hit.requester_id, total, hold=Decimal(0))
    released = [(Kind.RELEASE, total)] if from_hold else []
    paid = [(Kind.REWARD, assignment.reward), (Kind.FEE, total - assignment.reward)]
    _enter([*released, *paid], assignment, hit, at)


def pay_bonus(assignment: Assignment, hit: Hit, amount: Decimal, at: dt.datetime) -> None:
    charge = bonus_fee(amount)
    _take(hit.requester_id, amount + charge, hold=Decimal(0))
    _enter([(Kind.BONUS, amount), (Kind.BONUS_FEE, charge)], assignment, hit, at)


def earned(worker: Worker) -> Decimal:
    """All rewards and bonuses of a worker so far."""
    amounts = LedgerEntry.objects.filter(worker=worker, kind__in=LedgerEntry.EARNED).values_list("amount", flat=True)
    return sum(amounts, Decimal("0.00"))


def _take(requester_id: int, amount: Decimal, *, hold: Decimal) -> None:
    """Take from the available balance if there is enough: one conditional UPDATE, so two spenders cannot overdraw."""
    taken = Requester.objects.filter(pk=requester_id, available__gte=amount).update(
        available=F("available") - amount, on_hold=F("on_hold") + hold
    )
    if not taken:
        have = Requester.objects.values_list("available", flat=True).get(pk=requester_id)
        raise refused("InsufficientFunds", f"This needs ${amount}, and ${have} is available")


def _move(requester_id: int, *, available: Decimal, on_hold: Decimal) -> None:
    Requester.objects.filter(pk=requester_id).update(
        available=F("available") + available, on_hold=F("on_hold") + on_hold
    )


def _enter(movements: list[tuple[Kind, Decimal]], assignment: Assignment, hit: Hit, at: dt.datetime) -> None:
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            requester_id=hit.requester_id,
            kind=kind,
            amount=amount,
            hit=hit,
            assignment=assignment,
            worker_id=assignment.worker_id,
            at=at,
        )
        for kind, amount in movements
    )
