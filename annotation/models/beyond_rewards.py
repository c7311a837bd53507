"""What a worker gets beside the reward: bonuses, and messages. Each row is an outbox: kept first, sent after that."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from annotation.models.crowd import Assignment, Receipt, Worker


class Bonus(models.Model):
    """One bonus for one answer. The same reason for the same answer is the same bonus, however often it is ordered."""

    class State(models.TextChoices):
        WAITING = "waiting", "on its way"
        PAID = "paid", "paid"
        REFUSED = "refused", "refused by the marketplace"

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="bonuses")
    amount = models.DecimalField(max_digits=7, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))])
    reason = models.CharField(max_length=500, help_text="the worker reads it")
    tag = models.CharField(
        max_length=16, unique=True, help_text="by which the marketplace's list shows that it is paid"
    )
    lost_work = models.OneToOneField(
        Receipt,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="compensation",
        help_text="what we received and the marketplace never did, where this makes up for it",
    )
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    error = models.TextField(blank=True, help_text="why it is not paid yet, or never")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "bonuses"
        constraints = [
            models.UniqueConstraint(fields=["assignment", "reason"], name="bonus_once_for_a_reason"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bonus_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"${self.amount} for {self.assignment}"


class Message(models.Model):
    """A message to one worker. The protocol has no token for it: after a lost answer it may come twice."""

    class State(models.TextChoices):
        WAITING = "waiting", "on its way"
        SENT = "sent", "sent"
        REFUSED = "refused", "refused by the marketplace"

    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="messages")
    subject = models.CharField(max_length=200)
    text = models.TextField(max_length=4096)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"to {self.worker}: {self.subject}"
