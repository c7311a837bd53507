"""Who has been told of which result by mail."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from benchmark_site.leaderboard.models.submissions import Evaluation
from benchmark_site.leaderboard.models.teams import Membership


class Told(models.Model):
    """That a member was mailed the end of a scoring, or never will be: written in the transaction that mails it."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="told")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["evaluation", "membership"], name="told_once")]

    def __str__(self) -> str:
        return f"{self.membership} of {self.evaluation}"
