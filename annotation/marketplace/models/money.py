"""The ledger (append only), bonuses, payouts, and the request tokens that keep money from being spent twice."""

from django.conf import settings
from django.db import models

from annotation.marketplace.models.accounts import Requester, Worker
from annotation.marketplace.models.hits import Assignment, Hit


class LedgerEntry(models.Model):
    """One movement of a requester's money.

    deposit fills the available balance; hold and release move between available and on hold; reward, fee, bonus and
    bonus_fee leave the account. Amounts are positive; deposits = available + on hold + what left, to the cent.
    """

    class Kind(models.TextChoices):
        DEPOSIT = "deposit"
        HOLD = "hold"
        RELEASE = "release"
        REWARD = "reward"
        FEE = "fee"
        BONUS = "bonus"
        BONUS_FEE = "bonus_fee"

    EARNED = (Kind.REWARD, Kind.BONUS)  # what a worker gets

    requester = models.ForeignKey(Requester, on_delete=models.PROTECT)
    kind = models.CharField(max_length=9, choices=Kind)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    hit = models.ForeignKey(Hit, on_delete=models.PROTECT, null=True)
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, null=True)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True)
    at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        constraints = [
            models.UniqueConstraint(
                fields=["assignment"], name="one_reward_per_assignment", condition=models.Q(kind="reward")
            ),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="ledger_amount_not_negative"),
        ]
        indexes = [
            models.Index(fields=["at"], name="ledger_earned", condition=models.Q(kind__in=["reward", "bonus"])),
        ]
        verbose_name_plural = "ledger entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class BonusPayment(models.Model):
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    reason = models.TextField()
    granted_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        constraints = [models.CheckConstraint(condition=models.Q(amount__gt=0), name="bonus_positive")]

    def __str__(self) -> str:
        return f"bonus {self.amount}"


class RequestToken(models.Model):
    """A UniqueRequestToken that was used; it dies after 24 hours."""

    requester = models.ForeignKey(Requester, on_delete=models.CASCADE)
    purpose = models.CharField(max_length=8)
    token = models.CharField(max_length=64)
    result = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        constraints = [models.UniqueConstraint(fields=["requester", "purpose", "token"], name="token_used_once")]

    def __str__(self) -> str:
        return self.token


class Payout(models.Model):
    """A set of earnings that the lab's payroll has paid, outside of this system."""

    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True)
    made_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return f"{self.period_start:%Y-%m-%d} to {self.period_end:%Y-%m-%d}"


class PayoutLine(models.Model):
    """A ledger entry is paid out at most once, which the one-to-one key says."""

    payout = models.ForeignKey(Payout, on_delete=models.CASCADE)
    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT)

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return f"{self.entry_id} in {self.payout_id}"
