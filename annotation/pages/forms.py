"""The requester's forms."""

from __future__ import annotations

from django import forms

from annotation.models import Batch, Video


class BatchForm(forms.ModelForm):
    """A requester's order."""

    class Meta:
        model = Batch
        fields = [
            "name",
            "kind",
            "tag",
            "without_query",
            "sample",
            "environment",
            "reward",
            "assignments_per_hit",
            "per_worker",
            "hidden_share",
            "seed",
            "gold_share",
            "agreement",
            "budget",
        ]
        labels = {"hidden_share": "Share without narration", "assignments_per_hit": "Workers a unit"}


class UploadForm(forms.ModelForm):
    """What is true of all films of one upload."""

    class Meta:
        model = Video
        fields = ["source", "licence", "language"]
