"""Where the sentences of a video come from, and what its file held that could not be used."""

from __future__ import annotations

from django.db import models

from annotation.models.footage import Video


class SubtitleTrack(models.Model):
    """The subtitle file of a video, as it was read last."""

    video = models.OneToOneField(Video, on_delete=models.CASCADE, related_name="subtitle_track")
    name = models.CharField(max_length=255, help_text="of the file")
    form = models.CharField(max_length=8, help_text="srt, vtt, ass, ttml, json or csv")
    encoding = models.CharField(max_length=20, blank=True)
    automatic = models.BooleanField(default=False, help_text="made by speech recognition (ASR)")
    english_share = models.FloatField(
        null=True, blank=True, help_text="function words of English among its words, 0 to 1; empty: too few words"
    )
    problems = models.JSONField(default=list, blank=True, help_text="cues left out or changed: place and reason")
    imported_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["video"]

    def __str__(self) -> str:
        return f"{self.video}: {self.name}"
