"""Work that a worker claims: the truth about it is the row, a Celery message is only a wake-up."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Work(models.Model):
    """A row in work carries who claimed it and a heartbeat, so that a second delivery finds a live claim."""

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    claimed_by = models.CharField(max_length=100, blank=True, help_text="host, process and claim")
    heartbeat = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True, help_text="the reason, in words for the one who waits")
    log = models.TextField(blank=True, help_text="the end of the child's own output, for the operator")
    queued_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "failed", "cancelled"]),
                name="%(class)s_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | (~Q(claimed_by="") & Q(heartbeat__isnull=False)),
                name="%(class)s_running_has_a_claim",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="%(class)s_failed_says_why"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"]) | Q(finished_at__isnull=False),
                name="%(class)s_end_has_a_time",
            ),
        ]

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED

    def end(self, state: State, error: str = "", log: str = "") -> None:
        """Close the row (the caller holds its lock)."""
        self.state, self.error, self.log, self.claimed_by = state, error, log, ""
        self.finished_at = timezone.now()
        self.save()


State = Work.State
UNFINISHED = (State.QUEUED, State.RUNNING)
