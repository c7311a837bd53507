"""What comparing with the marketplace leaves behind: where the walk stands, complete passes, what people should see."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from annotation.models.crowd import Batch, Environment
from benchmark_site.jobs.leases import MAX_ATTEMPTS, Leased


class Walk(models.Model):
    """How far the minute's passes have read the marketplace's list of HITs."""

    environment = models.CharField(max_length=8, choices=Environment, unique=True)
    cursor = models.TextField(blank=True, help_text="NextToken of the page to read next; empty: the first")

    def __str__(self) -> str:
        return self.environment


class Reconciliation(Leased):
    """One complete pass: every HIT, assignment, bonus and block of one environment."""

    class State(models.TextChoices):
        WAITING = "waiting", "running or waiting"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    environment = models.CharField(max_length=8, choices=Environment)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    cursor = models.TextField(blank=True, help_text="NextToken of the page to read next")
    checked = models.PositiveIntegerField(default=0, help_text="HITs compared")
    mended = models.PositiveIntegerField(default=0, help_text="HITs of which something here was changed")
    balance = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, help_text="of the account; US dollars"
    )
    booked = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, help_text="spent and held by the ledger at that moment"
    )
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.environment}, {self.created_at:%Y-%m-%d %H:%M}"

    @staticmethod
    def unfinished() -> Q:
        return Q(state="waiting")

    def give_up(self) -> None:
        self.state = self.State.FAILED
        self.error = self.error or f"its worker died {MAX_ATTEMPTS} times, the last one without a word"
        self.save(update_fields=["state", "error"])


class Finding(models.Model):
    """Something at the marketplace that a person should know of. Once for each thing and text; staff may delete it."""

    environment = models.CharField(max_length=8, choices=Environment)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, null=True, blank=True, related_name="findings")
    subject = models.CharField(max_length=64, help_text="the marketplace's id of the HIT, assignment or worker")
    text = models.CharField(max_length=500)
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["environment", "subject", "text"], name="finding_once")]

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"
