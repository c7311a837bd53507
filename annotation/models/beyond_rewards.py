"""What a worker gets beside the reward: bonuses, and messages. Each is an outbox: kept first, sent after that."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from annotation.models.crowd import Assignment, Receipt
from annotation.models.qualifications import Worker


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


class BlindCheck(models.Model):
    """Whether a question whose writer is promised a bonus for it can be guessed without the film. Looked at once."""

    class State(models.TextChoices):
        WAITING = "waiting", "not looked at yet"
        GUESSED = "guessed", "guessed without the film"
        RESISTED = "resisted", "not guessed without the film"
        REWARDED = "rewarded", "not guessed without the film, and its bonus is ordered"

    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, related_name="blind_check")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    chance = models.FloatField(null=True, blank=True, help_text="that the model gives the right answer, 0 to 1")
    why = models.CharField(max_length=100, blank=True, help_text="what gives it away, where it was guessed")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting", chance=None)
                | (~Q(state="waiting") & Q(chance__isnull=False, chance__range=(0, 1))),
                name="blind_check_has_a_chance_once_looked_at",
            ),
            models.CheckConstraint(
                condition=Q(state="guessed") | Q(why=""), name="blind_check_says_why_where_it_was_guessed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.assignment}: {self.get_state_display()}"


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
