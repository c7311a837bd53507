"""What a person says about a team, and about a token."""

from __future__ import annotations

from django import forms

from benchmark_site.leaderboard.models import ApiToken, Team
from benchmark_site.leaderboard.models.teams import not_the_baselines


class TeamForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ["name"]

    def clean_name(self) -> str:
        not_the_baselines(self.cleaned_data["name"])
        return str(self.cleaned_data["name"])


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
