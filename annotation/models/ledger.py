"""Every dollar promised or paid, append-only."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from annotation.models.crowd import Assignment, Batch, Hit


class LedgerEntry(models.Model):
    """One movement of money of a batch, in US dollars. Rows are never changed; a mistake is a further row."""

    class Kind(models.TextChoices):
        HOLD = "hold", "held for work to come"
        RELEASE = "release", "no longer held"
        REWARD = "reward", "paid to a worker"
        FEE = "fee", "paid to the marketplace"
        BONUS = "bonus", "bonus to a worker"
        BONUS_FEE = "bonus_fee", "fee on a bonus"

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="ledger")
    kind = models.CharField(max_length=9, choices=Kind)
    amount = models.DecimalField(max_digits=10, decimal_places=2, help_text="US dollars")
    hit = models.ForeignKey(Hit, on_delete=models.PROTECT, null=True, blank=True)
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, null=True, blank=True, related_name="ledger")
    token = models.CharField(max_length=64, unique=True, help_text="makes the entry idempotent")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "ledger entries"
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_amount_positive"),
            models.UniqueConstraint(
                fields=["assignment", "kind"],
                condition=Q(kind__in=["reward", "fee"]),
                name="ledger_one_reward_an_assignment",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["reward", "fee", "bonus", "bonus_fee"]) | Q(assignment__isnull=False),
                name="ledger_payment_has_assignment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
