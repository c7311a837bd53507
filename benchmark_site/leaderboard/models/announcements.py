"""What an organiser says to everybody on a board."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from benchmark_site.leaderboard.models.tracks import Track
from benchmark_site.leaderboard.text import plain_lines


class Announcement(models.Model):
    """A few sentences above a board, newest first. What was said stays said: it is withdrawn, not edited."""

    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="announcements")
    text = models.CharField(max_length=1000, validators=[plain_lines])
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.text[:60]
