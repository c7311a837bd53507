"""The settings of a track: choices wherever there is a list, times with their zone."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from typing import Any

from django import forms
from django.db import transaction
from django.utils import timezone

from benchmark_site.leaderboard.models import Announcement, Participant, Split, Task, Track
from benchmark_site.leaderboard.models.choices import CardColumn, FilesKept
from benchmark_site.leaderboard.models.tracks import METRICS
from benchmark_site.leaderboard.scoring.compare import forget_comparisons
from benchmark_site.leaderboard.scoring.parts import SMALLEST_PART, parts
from evaluation.release import ReleaseError

_TIMES = ("opens_at", "closes_at", "reveals_at")
_PARTS = ("public_percent", "finals", "reveals_at")
_GROUPS = {
    "When": ("opens_at", "closes_at"),
    "What the board shows": ("primary_metric", "reveal", "metric_columns", "card_columns"),
    "How much may be sent": ("per_day", "total", "team_per_day", "team_total"),
    "A private part": _PARTS,
    "Who, and what is kept": ("late_entries", "needs_approval", "files_kept_days"),
    "People beside the rows": ("human_value", "human_note"),
}
_MOST_METRICS = 6  # beside the primary one: a page of a board stays small


class ZoneForm(forms.Form):
    """In which zone times are written and shown on the form; they are kept in UTC."""

    zone = forms.ChoiceField(label="Times are in", required=False, initial="UTC")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["zone"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(name, name) for name in ("UTC", *sorted(zoneinfo.available_timezones() - {"UTC"}))]

    def chosen(self) -> zoneinfo.ZoneInfo:
        """UTC where none is chosen, or no zone has that name."""
        self.full_clean()
        return zoneinfo.ZoneInfo(self.cleaned_data.get("zone") or "UTC")


class _PlacesWidget(forms.MultiWidget):
    """A list to choose from for each place."""

    use_fieldset = True

    def __init__(self, choices: list[tuple[str, str]]) -> None:
        places = range(1, _MOST_METRICS + 1)
        super().__init__([forms.Select(attrs={"aria-label": f"Metric {n}"}, choices=choices) for n in places])

    def decompress(self, value: list[str] | None) -> list[str]:
        return list(value or [])


class _PlacesField(forms.MultiValueField):
    """Metrics in an order: one choice a place, of which any may be empty."""

    def __init__(self, keys: list[str], **kwargs: Any) -> None:
        choices = [("", "none"), *((key, key) for key in keys)]
        places = [forms.ChoiceField(choices=choices, required=False) for _ in range(_MOST_METRICS)]
        widget = _PlacesWidget(choices)
        super().__init__(places, widget=widget, required=False, require_all_fields=False, **kwargs)

    def compress(self, data_list: list[str]) -> list[str]:
        keys = [key for key in data_list if key]
        twice = [key for place, key in enumerate(keys) if key in keys[:place]]
        if twice:
            raise forms.ValidationError(f"{twice[0]} is chosen twice: expected each metric once")
        return keys


class TrackForm(forms.ModelForm):
    card_columns = forms.MultipleChoiceField(
        label="Columns of the method card",
        choices=CardColumn.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="what teams say of their methods, beside the metrics",
    )

    class Meta:
        model = Track
        fields = [
            "opens_at", "closes_at", "primary_metric", "metric_columns", "card_columns", "reveal",
            "per_day", "total", "team_per_day", "team_total",
            "public_percent", "finals", "reveals_at", "late_entries", "needs_approval",
            "files_kept_days", "human_value", "human_note",
        ]  # fmt: skip
        labels = {
            "opens_at": "Opens", "closes_at": "Closes", "reveal": "Shown of a scoring",
            "per_day": "A person in 24 hours", "total": "A person in all",
            "team_per_day": "A team in 24 hours", "team_total": "A team in all",
            "public_percent": "Public part of the split", "finals": "Final submissions of a team",
            "reveals_at": "The private part decides", "late_entries": "Take submissions after the end",
            "needs_approval": "Let people in one by one", "files_kept_days": "Files of submissions are kept",
            "human_value": "What people reach",
            "human_note": "How that was measured",
        }  # fmt: skip
        widgets = {
            name: forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M") for name in _TIMES
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        metric = self.fields["primary_metric"]
        assert isinstance(metric, forms.ChoiceField)
        keys = METRICS[Task(self.instance.task)]
        metric.choices = [(key, key) for key in keys]
        self.fields["metric_columns"] = _PlacesField(
            keys,
            label="Metrics beside the primary one",
            help_text="from left to right; none: the usual ones. Of a hidden split only what is shown of a scoring",
        )
        if len(keys) == 1:  # there is none beside it
            del self.fields["metric_columns"]
        kept = self.fields["files_kept_days"]
        assert isinstance(kept, forms.ChoiceField)
        kept.choices = [("", "for ever"), *FilesKept.choices]
        if self.instance.split == Split.VAL:  # its truth is public, so nothing can be held back
            for name in ("reveal", *_PARTS):
                del self.fields[name]
        # What has been scored was dealt by the share of then, and what was decided stays decided.
        sent = self.instance.submissions.filter(dry_run=False).exists()
        for name in ("public_percent",) * sent + (*_PARTS, "closes_at") * self.instance.is_revealed(timezone.now()):
            if name in self.fields:
                self.fields[name].disabled = True

    def groups(self) -> Iterator[tuple[str, list[forms.BoundField]]]:
        """The fields that this track has, by what they are about."""
        for title, names in _GROUPS.items():
            fields = [self[name] for name in names if name in self.fields]
            if fields:
                yield title, fields

    def save(self, commit: bool = True) -> Track:
        """Only what the form holds: meanwhile the reveal may have been written down."""
        with transaction.atomic():
            self.instance.save(update_fields=list(self.fields))
            if "primary_metric" in self.changed_data:
                forget_comparisons(self.instance)
        return self.instance

    def clean_card_columns(self) -> list[str]:
        """In the order of the form, each once."""
        return [name for name in CardColumn.values if name in self.cleaned_data["card_columns"]]

    def clean_human_value(self) -> float | None:
        """A share in percent."""
        value: float | None = self.cleaned_data["human_value"]
        if value is not None and not 0 <= value <= 100:
            raise forms.ValidationError(f"{value:g} is no share: expected 0 to 100 percent")
        return value

    def clean_public_percent(self) -> int:
        """Both parts must be large enough to say something without telling single items."""
        percent = int(self.cleaned_data["public_percent"])
        if percent == 100 or percent == self.initial.get("public_percent"):
            return percent
        track = Track(pk=self.instance.pk, release=self.instance.release, task=self.instance.task, split=Split.TEST)
        track.part_secret, track.public_percent = self.instance.part_secret, percent
        try:
            sizes = [len(part) for part in parts(track)]
        except ReleaseError as error:
            raise forms.ValidationError(f"the release cannot be read: {error}") from error
        if min(sizes) < SMALLEST_PART:
            raise forms.ValidationError(
                f"the parts would hold {sizes[0]} and {sizes[1]} items: expected at least {SMALLEST_PART} in each"
            )
        return percent


class AnnouncementForm(forms.ModelForm):
    class Meta:
        model = Announcement
        fields = ["text"]
        labels = {"text": "To be read above the board"}
        widgets = {"text": forms.Textarea(attrs={"rows": 2})}


class AskForm(forms.ModelForm):
    """What a person says to the organiser, by the rules of the column: it stands on a page and in a CSV."""

    class Meta:
        model = Participant
        fields = ["about"]
        error_messages = {"about": {"required": "Say in a line who you are."}}
