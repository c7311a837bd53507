"""Money: what a batch may cost, holds, payments. US dollars as exact decimals."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Sum

from annotation.models import Assignment, Batch, Hit, LedgerEntry

CENT = Decimal("0.01")
FEE_SHARE = Decimal("0.20")


def fee(reward: Decimal) -> Decimal:
    """The marketplace's fee on one reward: 20 %, half up to the cent, at least one (batches stay below 10)."""
    return max((reward * FEE_SHARE).quantize(CENT, ROUND_HALF_UP), CENT)


def cost_per_assignment(batch: Batch) -> Decimal:
    return batch.reward + fee(batch.reward)


def worst_case(batch: Batch, units: int) -> Decimal:
    """What the batch costs when every assignment is paid."""
    return units * batch.assignments_per_hit * cost_per_assignment(batch)


def hold(hit: Hit) -> None:
    """Set aside what this HIT may cost. Once per HIT."""
    LedgerEntry.objects.get_or_create(
        token=f"hold:{hit.pk}",
        defaults={
            "batch": hit.batch,
            "hit": hit,
            "kind": LedgerEntry.Kind.HOLD,
            "amount": hit.batch.assignments_per_hit * cost_per_assignment(hit.batch),
        },
    )


def pay(assignment: Assignment) -> None:
    """Book what the marketplace has paid: reward and fee, and the hold they come from. Once per assignment."""
    batch = assignment.hit.batch
    rows = (
        (LedgerEntry.Kind.RELEASE, cost_per_assignment(batch)),
        (LedgerEntry.Kind.REWARD, batch.reward),
        (LedgerEntry.Kind.FEE, fee(batch.reward)),
    )
    for kind, amount in rows:
        LedgerEntry.objects.get_or_create(
            token=f"{kind}:{assignment.pk}",
            defaults={
                "batch": batch,
                "hit": assignment.hit,
                "assignment": assignment,
                "kind": kind,
                "amount": amount,
            },
        )


def release_rest(hit: Hit) -> None:
    """Give back what this HIT still holds, when it ends with fewer paid answers than ordered. Once per HIT."""
    paid = hit.assignments.filter(state=Assignment.State.APPROVED).count()
    rest = max(hit.batch.assignments_per_hit - paid, 0) * cost_per_assignment(hit.batch)
    if rest:
        LedgerEntry.objects.get_or_create(
            token=f"rest:{hit.pk}",
            defaults={"batch": hit.batch, "hit": hit, "kind": LedgerEntry.Kind.RELEASE, "amount": rest},
        )


def totals(batch: Batch | None = None) -> dict[str, Decimal]:
    """Sums by kind, of one batch or of all, with `spent` (rewards, fees, bonuses) and `held` (still set aside)."""
    rows = LedgerEntry.objects.all() if batch is None else LedgerEntry.objects.filter(batch=batch)
    sums = {kind: Decimal("0.00") for kind in LedgerEntry.Kind.values}
    sums.update(rows.values_list("kind").order_by("kind").annotate(Sum("amount")))
    sums["spent"] = sums["reward"] + sums["fee"] + sums["bonus"]
    sums["held"] = sums["hold"] - sums["release"]
    return sums
