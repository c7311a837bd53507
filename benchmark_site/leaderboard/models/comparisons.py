"""Two scorings side by side: the paired test of their files, made by a worker once and kept."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from benchmark_site.leaderboard.models.submissions import Evaluation
from benchmark_site.leaderboard.models.work import State, Work
from evaluation.metrics.compare import LEVEL_OF_DOUBT


class Comparison(Work):
    """Whether two submissions of a track can be told apart by its primary metric, in points: second minus first."""

    first = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+",
        help_text="empty: the platform, for the groups of a board",
    )  # fmt: skip
    p = models.FloatField(null=True, help_text="of the paired test")
    report = models.JSONField(null=True, help_text="every metric and the queries won, where the truth is public")

    class Meta(Work.Meta):
        ordering = ["-id"]
        constraints = [
            *Work.Meta.constraints,
            models.UniqueConstraint(fields=["first", "second"], name="comparison_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="comparison_has_an_order"),
            models.CheckConstraint(condition=~Q(state=State.DONE) | Q(p__isnull=False), name="comparison_done_has_p"),
        ]

    def __str__(self) -> str:
        return f"comparison of evaluations {self.first_id} and {self.second_id}"

    @property
    def told_apart(self) -> bool:
        """Whether the test says that one is better."""
        return self.p is not None and self.p < LEVEL_OF_DOUBT
