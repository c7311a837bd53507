"""Training of the HERO baseline on a release."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from benchmark_site.leaderboard.models.work import UNFINISHED, State, Work
from benchmark_site.releases.models import Release


class TrainingRun(Work):
    """Train HERO on a release, predict for its open tracks, submit. Continues where a dead attempt stopped."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="training_runs")
    preset = models.CharField(max_length=20, default="small")
    seed = models.PositiveIntegerField(default=0)
    threads = models.PositiveSmallIntegerField(default=2)
    stage = models.CharField(max_length=100, blank=True, help_text="what it does now")
    progress = models.FloatField(default=0.0, help_text="share done, 0 to 1")
    facts = models.JSONField(default=dict, blank=True, help_text="what the trainer last said of itself")

    class Meta(Work.Meta):
        ordering = ["-id"]
        constraints = [
            *Work.Meta.constraints,
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=1), name="trainingrun_progress_is_a_share"
            ),
            # A folder of checkpoints belongs to a release, a preset and a seed: two runs must not write into it.
            models.UniqueConstraint(
                fields=["release", "preset", "seed"],
                condition=Q(state__in=[*UNFINISHED, State.DONE]),
                name="trainingrun_once",
            ),
        ]

    def __str__(self) -> str:
        return f"HERO ({self.preset}, seed {self.seed}) on {self.release}"

    def get_absolute_url(self) -> str:
        return reverse("training-run", args=[self.pk])

    @property
    def folder(self) -> Path:
        """Where checkpoints, predictions and the log lie; another attempt continues from it."""
        name = f"{self.release.folder_name}-{self.release.sha256[:12]}-{self.preset}-{self.seed}"
        return Path(settings.MEDIA_ROOT) / "training" / name
