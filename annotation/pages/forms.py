"""The requester's forms."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings

from annotation.crowd.workers import entry_tests
from annotation.crowd.workers.requirements import country_codes, own_qualifications
from annotation.models import Batch, EntryTest, Video
from annotation.models.crowd import Kind


def whole(raw: str) -> int:
    """The whole number in an address or a form; 0 for anything else, and for what is longer than every key."""
    return int(raw) if raw.isdecimal() and len(raw) < 19 else 0


class BatchForm(forms.ModelForm):
    """A requester's order."""

    class Meta:
        model = Batch
        fields = [
            "name",
            "kind",
            "tag",
            "without_query",
            "doubted",
            "sample",
            "environment",
            "reward",
            "assignments_per_hit",
            "per_worker",
            "per_worker_day",
            "canary",
            "entry_test",
            "approval_rate",
            "countries",
            "qualifications",
            "hidden_share",
            "seed",
            "gold_share",
            "agreement",
            "blind_bonus",
            "budget",
        ]
        labels = {"hidden_share": "Share without narration", "assignments_per_hit": "Workers a unit"}
        widgets = {"qualifications": forms.Textarea(attrs={"rows": 2})}

    def clean_blind_bonus(self) -> Decimal | None:
        bonus: Decimal | None = self.cleaned_data["blind_bonus"]
        if bonus is not None and self.cleaned_data.get("kind") != Kind.QA:
            raise forms.ValidationError("Only questions can be guessed: choose that kind, or leave this empty.")
        if bonus is not None and not settings.BLIND_IN_THE_LOOP:
            raise forms.ValidationError("Nobody looks whether questions can be guessed: BLIND_IN_THE_LOOP is off.")
        return bonus

    def clean_countries(self) -> str:
        return _read(country_codes, self.cleaned_data["countries"], lambda codes: ", ".join(codes))

    def clean_qualifications(self) -> str:
        text: str = self.cleaned_data["qualifications"]
        return _read(own_qualifications, text, lambda _: text)


class EntryTestForm(forms.ModelForm):
    """A new entry test."""

    class Meta:
        model = EntryTest
        fields = ["name", "questions", "pass_mark", "minutes"]

    def clean_questions(self) -> str:
        text: str = self.cleaned_data["questions"]
        return _read(entry_tests.parse, text, lambda _: text)


def _read(parse: Callable[[str], Any], text: str, kept: Callable[[Any], str]) -> str:
    """What is kept of a text that parses; why it does not becomes the field's error."""
    try:
        return kept(parse(text))
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


class UploadForm(forms.ModelForm):
    """What is true of all films of one upload."""

    class Meta:
        model = Video
        fields = ["source", "licence", "language"]


class AmountForm(forms.Form):
    """US dollars of a bonus."""

    amount = forms.DecimalField(min_value=Decimal("0.01"), max_digits=7, decimal_places=2, label="US dollars")


class BonusForm(AmountForm):
    """A bonus for an answer that is known from the page."""

    reason = forms.CharField(max_length=500, label="Reason (the worker reads it)")


class WorkerBonusForm(BonusForm):
    """A bonus for one of a worker's answers."""

    assignment = forms.CharField(max_length=64, label="Assignment (its id)")
    field_order = ["assignment", "amount", "reason"]


class MessageForm(forms.Form):
    """What NotifyWorkers takes."""

    subject = forms.CharField(max_length=200)
    text = forms.CharField(max_length=4096, widget=forms.Textarea(attrs={"rows": 4}))
