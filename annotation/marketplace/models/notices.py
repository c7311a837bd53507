"""The outbox of notifications."""

from django.db import models
from django.db.models import Q

from annotation.marketplace.models.accounts import Requester


class Notice(models.Model):
    """An event on its way to a requester's queue, topic or mailbox; delivered by `run_clock`, at least once."""

    requester = models.ForeignKey(Requester, on_delete=models.CASCADE)
    transport = models.CharField(max_length=5)
    destination = models.CharField(max_length=2000)
    body = models.JSONField()
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        app_label = "marketplace"
        indexes = [
            models.Index(fields=["next_attempt_at"], name="notice_waiting", condition=Q(delivered_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.transport} {self.destination}"
