"""Who may take part where an organiser lets people in."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from benchmark_site.leaderboard.models.tracks import Track
from benchmark_site.leaderboard.text import plain_text


class Participant(models.Model):
    """A person who has asked to take part in a track, and what an organiser said."""

    class State(models.TextChoices):
        ASKED = "asked", "waits for an organiser"
        IN = "in", "let in"
        REFUSED = "refused", "refused"

    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    about = models.CharField(max_length=300, validators=[plain_text], help_text="who one is, for the organiser")
    state = models.CharField(max_length=7, choices=State, default=State.ASKED)
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["asked_at"]
        constraints = [
            models.UniqueConstraint(fields=["track", "user"], name="participant_once"),
            models.CheckConstraint(
                condition=Q(state__in=["asked", "in", "refused"]), name="participant_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.track}"
