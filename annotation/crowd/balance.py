"""The account's balance beside the ledger: what left or came that nobody booked."""

from __future__ import annotations

from annotation.crowd.client import Crowd
from annotation.models import Assignment, Batch, Bonus, Finding, Reconciliation
from annotation.review import ledger

SUBJECT = "balance"


def compare_balance(crowd: Crowd, row: Reconciliation) -> None:
    """Keep balance and ledger with the pass; a difference since the last pass that kept them becomes a finding.

    Nothing is kept while something of ours is on its way: the marketplace would know of it and the ledger not yet. What
    came from outside (a deposit) and what went elsewhere (another client of the account) look alike from here, so
    the finding says how much and in which direction.
    """
    booked, balance = ledger.booked(row.environment), crowd.balance()
    if _on_its_way(row.environment) or booked != ledger.booked(row.environment):
        return
    before = Reconciliation.objects.filter(environment=row.environment, pk__lt=row.pk).exclude(balance=None).first()
    Reconciliation.objects.filter(pk=row.pk).update(balance=balance, booked=booked)
    if before is None or before.balance is None or before.booked is None:
        return
    change = (balance + booked) - (before.balance + before.booked)
    if change:
        direction = "more" if change > 0 else "less"
        since = f"{before.created_at:%Y-%m-%d %H:%M} UTC"
        text = f"the account holds ${abs(change)} {direction} than the ledger explains since {since}, now ${balance}"
        Finding.objects.get_or_create(environment=row.environment, subject=SUBJECT, text=text)


def _on_its_way(environment: str) -> bool:
    moving = [Batch.State.LAUNCHING, Batch.State.CLOSING]
    deciding = [Assignment.State.APPROVING, Assignment.State.REJECTING]
    return (
        Batch.objects.filter(environment=environment, state__in=moving).exists()
        or Assignment.objects.filter(batch__environment=environment, state__in=deciding).exists()
        or Bonus.objects.filter(assignment__batch__environment=environment, state=Bonus.State.WAITING).exists()
    )
