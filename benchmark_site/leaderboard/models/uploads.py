"""Files of predictions on their way: sent in pieces until they are whole, and a submission."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone

from benchmark_site.leaderboard.models.submissions import Submission
from benchmark_site.leaderboard.models.teams import Team
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD, Track
from benchmark_site.tus.partial import Partial


class SubmissionUpload(Partial):
    """A file for a track, with the words beside it. `submission` or `refusal` say what became of it."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    track = models.ForeignKey(Track, on_delete=models.CASCADE, related_name="+")
    fields = models.JSONField(default=dict, help_text="the words beside the file, as they were sent")
    sha256 = models.CharField(max_length=64, blank=True, help_text="as the sender said; empty: it did not")
    created_at = models.DateTimeField(default=timezone.now)
    submission = models.OneToOneField(Submission, on_delete=models.CASCADE, null=True, related_name="+")
    refusal = models.JSONField(null=True, help_text="why it became none, in the API's own shape")
    waits_for = models.JSONField(null=True, help_text="why a whole file is none yet, likewise: it is tried again")

    class Meta(Partial.Meta):
        pass

    @classmethod
    def folder(cls) -> Path:
        return Path(settings.MEDIA_ROOT) / "submissions" / "parts"

    @property
    def began_at(self) -> datetime:
        """The moment that counts for the track's end."""
        return max(self.created_at, timezone.now() - LONGEST_UPLOAD)
