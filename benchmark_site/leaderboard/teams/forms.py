"""What a person says about a team, and about a token."""

from __future__ import annotations

import unicodedata

from django import forms

from benchmark_site.leaderboard.models import ApiToken, Team
from benchmark_site.leaderboard.models.teams import not_the_baselines


class TeamForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ["name"]

    def clean_name(self) -> str:
        """The name as a reader sees it: wide letters, split accents and rows of blanks make no second one of it."""
        name = " ".join(unicodedata.normalize("NFKC", self.cleaned_data["name"]).split())
        not_the_baselines(name)
        return name


class InvitationForm(forms.Form):
    email = forms.EmailField(required=False)


class TokenForm(forms.ModelForm):
    days = forms.TypedChoiceField(
        label="Ends after", coerce=int, choices=[(30, "30 days"), (90, "90 days"), (365, "a year")], initial=90
    )

    class Meta:
        model = ApiToken
        fields = ["label", "scope"]
        labels = {"label": "Where it will be used", "scope": "It may"}
