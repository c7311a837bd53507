"""Money: what a batch may cost, holds, payments. US dollars as exact decimals."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from uuid import uuid4

from django.db.models import Q, QuerySet, Sum

from annotation.models import Assignment, Batch, BlindCheck, Bonus, Hit, LedgerEntry, Worker

CENT = Decimal("0.01")
FEE_SHARE = Decimal("0.20")
SIGN: dict[str, int] = {LedgerEntry.Kind.HOLD: 1, LedgerEntry.Kind.RELEASE: -1}  # what an entry does to what is held


def fee(reward: Decimal) -> Decimal:
    """The marketplace's fee on one reward: 20 %, half up to the cent, at least one (batches stay below 10)."""
    return max((reward * FEE_SHARE).quantize(CENT, ROUND_HALF_UP), CENT)


def cost_per_assignment(batch: Batch) -> Decimal:
    return batch.reward + fee(batch.reward)


def blind_bonus_cost(batch: Batch) -> Decimal:
    """What a question that cannot be guessed costs beyond its reward: the bonus that is promised, and its fee."""
    return Decimal("0.00") if batch.blind_bonus is None else batch.blind_bonus + fee(batch.blind_bonus)


def worst_case(batch: Batch, units: int) -> Decimal:
    """What the batch costs when every assignment is paid, and gets the bonus that it promises."""
    return units * batch.assignments_per_hit * (cost_per_assignment(batch) + blind_bonus_cost(batch))


def hold(hits: Iterable[Hit]) -> None:
    """Set aside what HITs of one batch may cost. Once per HIT."""
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(
                token=f"hold:{hit.pk}",
                batch=hit.batch,
                hit=hit,
                kind=LedgerEntry.Kind.HOLD,
                amount=hit.batch.assignments_per_hit * cost_per_assignment(hit.batch),
            )
            for hit in hits
        ],
        ignore_conflicts=True,
    )


def pay(*assignments: Assignment) -> None:
    """Book what the marketplace has paid: reward and fee, and the hold they come from. Once per assignment.

    The caller holds the locks of the HITs. Where nothing is held any more (a rejection that somebody has overridden is
    paid out of the balance), nothing is released.
    """
    tokens = [f"reward:{row.pk}" for row in assignments]
    booked = set(LedgerEntry.objects.filter(token__in=tokens).values_list("assignment_id", flat=True))
    due = [row for row in assignments if row.pk not in booked]
    if not due:
        return
    left, entries = held_by({row.hit_id for row in due}), []
    for row in due:
        batch = row.hit.batch
        released = min(cost_per_assignment(batch), left[row.hit_id])
        left[row.hit_id] -= released
        entries.append(_entry(LedgerEntry.Kind.REWARD, batch.reward, f"reward:{row.pk}", row.hit, row))
        entries.append(_entry(LedgerEntry.Kind.FEE, fee(batch.reward), f"fee:{row.pk}", row.hit, row))
        if released > 0:
            entries.append(_entry(LedgerEntry.Kind.RELEASE, released, f"release:{row.pk}", row.hit, row))
    LedgerEntry.objects.bulk_create(entries)


def book_bonus(assignment: Assignment, amount: Decimal, key: str) -> bool:
    """Book a bonus that was paid, and its fee; False where it is booked. `key`: 50 characters at most."""
    if not _book(LedgerEntry.Kind.BONUS, amount, f"bonus:{key}", assignment.hit, assignment):
        return False
    return _book(LedgerEntry.Kind.BONUS_FEE, fee(amount), f"bonus_fee:{key}", assignment.hit, assignment)


def held(hit: Hit) -> Decimal:
    """What is set aside for this HIT now."""
    return held_by([hit.pk])[hit.pk]


def held_by(hits: Collection[int]) -> dict[int, Decimal]:
    """What is set aside for each of these HITs, by their keys, now."""
    found = dict.fromkeys(hits, Decimal(0))
    sums = LedgerEntry.objects.filter(hit__in=hits, kind__in=SIGN).values_list("hit", "kind").order_by("hit", "kind")
    for hit, kind, amount in sums.annotate(Sum("amount")):
        found[hit] += SIGN[kind] * amount
    return found


def committed(batch: Batch) -> Decimal:
    """What of the budget is gone: spent, held, and promised as a bonus with its fee."""
    sums = totals(batch)
    answers = math.ceil(sums["held"] / cost_per_assignment(batch))
    return sums["spent"] + sums["held"] + bonuses_to_come(batch, answers)


def bonuses_to_come(batch: Batch, answers: int) -> Decimal:
    """What bonuses may cost yet: those that are ordered, and that for what cannot be guessed, of so many `answers` to
    be paid and of paid ones that wait for it.
    """
    ordered = Bonus.objects.filter(assignment__batch=batch, state=Bonus.State.WAITING)
    costs = (amount + fee(amount) for amount in ordered.values_list("amount", flat=True))
    return sum(costs, _may_resist(batch, answers))


def _may_resist(batch: Batch, answers: int) -> Decimal:
    if batch.blind_bonus is None:
        return Decimal(0)
    checks = BlindCheck.objects.filter(assignment__batch=batch, assignment__state=Assignment.State.APPROVED)
    open_checks = checks.filter(state__in=[BlindCheck.State.WAITING, BlindCheck.State.RESISTED])
    left_out = Q(assignment__used=False, assignment__reviewed_at__isnull=False)
    return (answers + open_checks.exclude(left_out).count()) * blind_bonus_cost(batch)


def left(batch: Batch) -> Decimal:
    """What of the budget is neither spent nor held nor promised."""
    return batch.budget - committed(batch)


def hold_for(hit: Hit, open_assignments: int) -> bool:
    """Hold exactly what so many assignments may still cost, as the marketplace does; False where nothing changed.

    The caller holds the lock of the HIT.
    """
    return bool(hold_for_each({hit: open_assignments}))


def hold_for_each(open_assignments: Mapping[Hit, int]) -> set[int]:
    """The same for several HITs; returns the keys of those of which something changed."""
    before = held_by([hit.pk for hit in open_assignments])
    entries = []
    for hit, count in open_assignments.items():
        if change := count * cost_per_assignment(hit.batch) - before[hit.pk]:
            kind = LedgerEntry.Kind.HOLD if change > 0 else LedgerEntry.Kind.RELEASE
            entries.append(_entry(kind, abs(change), f"held:{uuid4().hex}", hit))
    LedgerEntry.objects.bulk_create(entries)
    return {entry.hit_id for entry in entries if entry.hit_id is not None}


def hold_one_more(hit: Hit, key: str) -> None:
    """Hold what one more answer may cost as soon as it is asked for: until a pass reads it, nobody else may spend it.

    Once for each key (50 characters at most). The caller holds the lock of the HIT.
    """
    _book(LedgerEntry.Kind.HOLD, cost_per_assignment(hit.batch), f"more:{key}", hit)


def _book(kind: LedgerEntry.Kind, amount: Decimal, token: str, hit: Hit, assignment: Assignment | None = None) -> bool:
    """Write one row; False where its token is known."""
    values = {"batch": hit.batch, "hit": hit, "assignment": assignment, "kind": kind, "amount": amount}
    return LedgerEntry.objects.get_or_create(token=token, defaults=values)[1]


def _entry(
    kind: LedgerEntry.Kind, amount: Decimal, token: str, hit: Hit, assignment: Assignment | None = None
) -> LedgerEntry:
    return LedgerEntry(token=token, batch=hit.batch, hit=hit, assignment=assignment, kind=kind, amount=amount)


def totals(batch: Batch | None = None) -> dict[str, Decimal]:
    """Sums by kind, of one batch or of all, with `spent` (bonuses and fees included) and `held` (set aside)."""
    return _sums(LedgerEntry.objects.all() if batch is None else LedgerEntry.objects.filter(batch=batch))


def of_worker(worker: Worker) -> dict[str, Decimal]:
    """The same sums of one worker's answers; nothing is held for a worker."""
    return _sums(LedgerEntry.objects.filter(assignment__worker=worker))


def booked(environment: str) -> Decimal:
    """Spent and held in an environment, as far as its marketplace can know: not what waits to be launched."""
    sums = _sums(LedgerEntry.objects.filter(batch__environment=environment, hit__hit_id__isnull=False))
    return sums["spent"] + sums["held"]


def _sums(rows: QuerySet[LedgerEntry]) -> dict[str, Decimal]:
    sums = {kind: Decimal("0.00") for kind in LedgerEntry.Kind.values}
    sums.update(rows.values_list("kind").order_by("kind").annotate(Sum("amount")))
    sums["spent"] = sums["reward"] + sums["fee"] + sums["bonus"] + sums["bonus_fee"]
    sums["held"] = sums["hold"] - sums["release"]
    return sums
