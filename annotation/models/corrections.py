"""What was changed of accepted items, by whom and why. Rows are only ever added."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q


class Correction(models.Model):
    """One change of a query or a question, or its withdrawal. `before` and `after` hold the fields that differ."""

    class What(models.TextChoices):
        CORRECTED = "corrected", "corrected"
        WITHDRAWN = "withdrawn", "withdrawn"

    kind = models.CharField(max_length=6, choices=[("moment", "query"), ("qa", "question")])
    public_id = models.PositiveIntegerField(help_text="under which it was known before")
    what = models.CharField(max_length=9, choices=What)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    reason = models.TextField(help_text="why; the list of changes of the next release holds it")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="correction_has_reason")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}: {self.what}"
