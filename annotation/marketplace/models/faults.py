"""What tests make happen. Both tables are read only where MARKETPLACE_FAULTS is on."""

from __future__ import annotations

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q


class ClockOffset(models.Model):
    """How far the marketplace's clock runs ahead of the machine's, in seconds; at most one row."""

    seconds = models.FloatField(default=0)

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return f"{self.seconds:+} s"


class Fault(models.Model):
    """A fault that waits for its next `remaining` calls."""

    class Kind(models.TextChoices):
        LOST_ANSWER = "lost_answer"
        THROTTLING = "throttling"
        SERVICE_FAULT = "service_fault"
        DELAY = "delay"
        DUPLICATE_NOTICE = "duplicate_notice"
        CLOCK_SKEW = "clock_skew"

    kind = models.CharField(max_length=20, choices=Kind)
    operation = models.CharField(max_length=60, default="*")
    remaining = models.PositiveIntegerField(default=1)
    seconds = models.FloatField(default=0)  # of a delay or a skew

    class Meta:
        app_label = "marketplace"

    def __str__(self) -> str:
        return f"{self.kind} on {self.operation}, {self.remaining} left"

    @classmethod
    def take(cls, kind: str, operation: str) -> Fault | None:
        """Use up one occurrence of a fault that waits for this operation, if there is one."""
        if not settings.MARKETPLACE_FAULTS:
            return None
        with transaction.atomic():
            fault = (
                cls.objects.select_for_update()
                .filter(Q(operation=operation) | Q(operation="*"), kind=kind, remaining__gt=0)
                .order_by("id")
                .first()
            )
            if fault is not None:
                cls.objects.filter(pk=fault.pk).update(remaining=F("remaining") - 1)
            return fault
