"""What can be submitted to: one task on one split of one release."""

from __future__ import annotations

from datetime import datetime

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from benchmark_site.releases.models import Release


class Task(models.TextChoices):
    MOMENT = "moment", "moment retrieval"
    QA = "qa", "question answering"


class Split(models.TextChoices):
    VAL = "val", "validation"
    TEST = "test", "test"


class Track(models.Model):
    """One task on one split of a frozen release, with its own dates and limits."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="tracks")
    task = models.CharField(max_length=6, choices=Task)
    split = models.CharField(max_length=4, choices=Split)
    opens_at = models.DateTimeField(default=timezone.now)
    closes_at = models.DateTimeField(null=True, blank=True, help_text="empty: stays open")
    per_day = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1)], help_text="submissions of a team in any 24 hours"
    )
    total = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)], help_text="submissions of a team")
    primary_metric = models.CharField(max_length=64, help_text='e.g. "VCMR.R@1.tiou0.7.nms0.5" or "QA.accuracy"')

    class Meta:
        ordering = ["-release_id", "task", "-split"]
        constraints = [
            models.UniqueConstraint(fields=["release", "task", "split"], name="track_once"),
            models.CheckConstraint(condition=Q(task__in=Task.values), name="track_task_is_known"),
            models.CheckConstraint(condition=Q(split__in=Split.values), name="track_split_is_known"),
            models.CheckConstraint(condition=Q(per_day__gte=1, total__gte=1), name="track_limits_are_positive"),
            models.CheckConstraint(
                condition=Q(closes_at__isnull=True) | Q(closes_at__gt=F("opens_at")), name="track_closes_after_it_opens"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release.slug} {self.release.version} · {self.get_task_display()} · {self.split}"

    def get_absolute_url(self) -> str:
        return reverse("board", args=self.url_args)

    @property
    def path(self) -> str:
        """How commands and the API name it: `demo/1.0.0/moment/val`."""
        return "/".join(self.url_args)

    @property
    def url_args(self) -> list[str]:
        return [self.release.slug, self.release.version, self.task, self.split]

    @property
    def hides_truth(self) -> bool:
        """Whether its truth is withheld: results are then shown rounded."""
        return self.split == Split.TEST

    def is_open(self, at: datetime) -> bool:
        return self.opens_at <= at and (self.closes_at is None or at < self.closes_at)
