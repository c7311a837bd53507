"""The requester's form."""

from __future__ import annotations

from django import forms

from annotation.models import Batch


class BatchForm(forms.ModelForm):
    """A requester's order."""

    class Meta:
        model = Batch
        fields = [
            "name",
            "kind",
            "environment",
            "reward",
            "assignments_per_hit",
            "hidden_share",
            "seed",
            "budget",
        ]
