"""Files of other people's annotations: who brought one, what it added, and every row that had a fault."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from benchmark_site.jobs.leases import MAX_ATTEMPTS, Leased

LONGEST_NAME = 200  # letters of a file's name that are kept


class AnnotationImport(Leased):
    """One file that was taken in, or could not be. The row stays as the report; the file goes once it is read."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be read"
        DONE = "done", "done"
        FAILED = "failed", "refused"

    form = models.CharField(max_length=20, help_text="as `evaluation convert --from` calls it")
    name = models.CharField(max_length=LONGEST_NAME, help_text="of the file, without folders")
    file = models.FileField(upload_to="imports/", blank=True)
    video_index = models.FileField(
        "video index",
        upload_to="imports/",
        blank=True,
        help_text="video2dur_idx.json of the same data set, where the file itself says no durations",
    )
    source = models.CharField(max_length=500, blank=True, help_text="where it comes from")
    licence = models.CharField(max_length=200, blank=True, help_text="an SPDX identifier, as in CC-BY-4.0")
    segments_only = models.BooleanField(
        "only the segments", default=False, help_text="for batches that write new queries or questions on them"
    )
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    error = models.TextField(blank=True, help_text="why nothing could be taken")
    added = models.JSONField(default=dict, blank=True)
    known = models.JSONField(default=dict, blank=True)
    problems = models.JSONField(
        default=list, blank=True, help_text="line, what, why, left_out of each row with a fault"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="import_failed_has_reason"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("import", args=[self.pk])

    @staticmethod
    def unfinished() -> Q:
        return Q(state="waiting")

    def give_up(self) -> None:
        self.state, self.error = self.State.FAILED, f"its worker died {MAX_ATTEMPTS} times, the last one without a word"
        self.save(update_fields=["state", "error"])

    @property
    def left_out(self) -> int:
        """How many rows were not taken."""
        return sum(problem["left_out"] for problem in self.problems)
