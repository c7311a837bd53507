"""Who said what of which answer, and when: append-only."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models

from annotation.models.crowd import Assignment


class ReviewEvent(models.Model):
    """One act of a reviewer. A verdict that is taken back stays here, with a line that says so."""

    class Act(models.TextChoices):
        USE = "use", "used"
        PAY = "pay", "paid, left out"
        REJECT = "reject", "rejected"
        AGAIN = "again", "paid, left out, asked again"
        PROPOSE = "propose", "proposed to reject"
        UNDO = "undo", "taken back"

    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="history")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    act = models.CharField(max_length=7, choices=Act)
    reason = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.assignment}: {self.act}"
