"""Work that a worker leases: the truth about it is the row, a Celery message is only a wake-up."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models
from django.db.models import Q
from django.utils import timezone

from benchmark_site.jobs.leases import Leased, available, stale

_SENT_AT_ONCE = 20


class Work(Leased):
    """A row in work carries who leases it and a heartbeat, so that a second delivery finds a live lease."""

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    STARTED = {"state": State.RUNNING}

    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
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

    @staticmethod
    def unfinished() -> Q:
        return Q(state__in=UNFINISHED)

    @classmethod
    def queues(cls) -> Sequence[Q]:
        """The rows that wait for each kind of worker."""
        return [Q()]

    @classmethod
    def forgotten(cls) -> list[int]:
        """Keys of rows whose worker has died, and of the oldest that have waited so long that their message is lost.

        Of each long queue only the oldest: their messages are most likely under way, and each time adds one.
        """
        rows = available(cls).order_by("queued_at").values_list("pk", flat=True)
        waiting = rows.filter(state=State.QUEUED, queued_at__lt=stale())
        oldest = [pk for queue in cls.queues() for pk in waiting.filter(queue)[:_SENT_AT_ONCE]]
        return [*rows.filter(state=State.RUNNING), *oldest]

    def give_up(self) -> None:
        self.end(State.FAILED, f"given up: the worker stopped in the middle of it {self.attempt} times", self.log)

    def requeue(self, error: str, log: str) -> None:
        """Put the row back into the queue after a failed attempt (the caller holds its lock)."""
        self.state, self.claimed_by, self.error, self.log = State.QUEUED, "", error, log
        self.queued_at = timezone.now()
        self.save()

    def end(self, state: State, error: str = "", log: str = "") -> None:
        """Close the row (the caller holds its lock)."""
        self.state, self.error, self.log, self.claimed_by = state, error, log, ""
        self.finished_at = timezone.now()
        self.save()


State = Work.State
UNFINISHED = (State.QUEUED, State.RUNNING)
