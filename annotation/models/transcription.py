"""The work of a machine that writes down what is said in a video (speech recognition)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from annotation.models.footage import Video
from benchmark_site.jobs.leases import MAX_ATTEMPTS, Leased


class Transcription(Leased):
    """Asked for once a video; what comes of it are the video's sentences, in a subtitle track marked as automatic."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for a worker"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    video = models.OneToOneField(Video, on_delete=models.CASCADE, related_name="transcription")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    error = models.TextField(blank=True, help_text="why there are no sentences")
    language = models.CharField(max_length=35, blank=True, help_text="what the model heard, as a language tag")
    progress = models.FloatField(default=0.0, help_text="share of the film that is heard")

    class Meta:
        ordering = ["video"]
        constraints = [
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="transcription_failed_has_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.video}: {self.get_state_display()}"

    @staticmethod
    def unfinished() -> Q:
        return Q(state="waiting")

    def give_up(self) -> None:
        self.state, self.error = self.State.FAILED, f"its worker died {MAX_ATTEMPTS} times, the last one without a word"
        self.save(update_fields=["state", "error"])
