"""What a reader may ask of a board's page."""

from __future__ import annotations

from typing import Any

from django import forms

from benchmark_site.leaderboard.boards.board import BY_NAME, NEWEST, Wanted
from benchmark_site.leaderboard.boards.columns import Column


class BoardForm(forms.Form):
    """Sort and filter, by a GET; what makes no sense is left out of what is wanted."""

    q = forms.CharField(label="Method or team", required=False, max_length=80)
    sort = forms.ChoiceField(label="Sorted by", required=False)
    baselines = forms.ChoiceField(
        label="Baselines", required=False, choices=[("", "with the others"), ("none", "left out"), ("only", "alone")]
    )
    external = forms.ChoiceField(
        label="External data",
        required=False,
        choices=[("", "with or without"), ("none", "without"), ("only", "with")],
    )
    year = forms.RegexField(r"^\d{4}$", label="Year", required=False, strip=True)
    every = forms.ChoiceField(
        label="Of a team", required=False, choices=[("", "its best"), ("yes", "every public submission")]
    )
    late = forms.ChoiceField(
        label="Sent", required=False, choices=[("", "in time"), ("yes", "after the end, apart from the others")]
    )

    def __init__(self, *args: Any, columns: list[Column], late_entries: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        metrics = [(column.key, column.title) for column in columns[1:]]
        choice = self.fields["sort"]
        assert isinstance(choice, forms.ChoiceField)
        if not late_entries:
            del self.fields["late"]
        choice.choices = [("", f"rank ({columns[0].title})"), *metrics, (NEWEST, "newest"), (BY_NAME, "name")]

    def wanted(self) -> Wanted:
        """What was asked for, as the board understands it."""
        self.full_clean()
        asked = self.cleaned_data
        older_link = self.data.get("every") == "" and "sort" not in self.data  # ?every; the form sends all its fields
        return Wanted(
            every=bool(asked.get("every")) or older_link,
            sort=asked.get("sort", ""),
            text=asked.get("q", ""),
            external=asked.get("external", ""),
            year=asked.get("year", ""),
            late=bool(asked.get("late")),
            baselines=asked.get("baselines", ""),
            after=self.data.get("after", ""),
            before=self.data.get("before", ""),
        )
