"""The requester's forms."""

from __future__ import annotations

from decimal import Decimal

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
            "budget",
        ]
        labels = {"hidden_share": "Share without narration", "assignments_per_hit": "Workers a unit"}


class UploadForm(forms.ModelForm):
    """What is true of all films of one upload."""

    class Meta:
        model = Video
        fields = ["source", "licence", "language"]


class AmountForm(forms.Form):
    """US dollars of a bonus."""

    amount = forms.DecimalField(min_value=Decimal("0.01"), max_digits=7, decimal_places=2, label="US dollars")


class BonusForm(AmountForm):
    assignment = forms.CharField(max_length=64, label="Assignment (its id)")
    reason = forms.CharField(max_length=500, label="Reason (the worker reads it)")
    field_order = ["assignment", "amount", "reason"]


class MessageForm(forms.Form):
    """What NotifyWorkers takes."""

    subject = forms.CharField(max_length=200)
    text = forms.CharField(max_length=4096, widget=forms.Textarea(attrs={"rows": 4}))
