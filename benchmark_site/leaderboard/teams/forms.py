"""What a person says about a team, and about a token."""

from __future__ import annotations

from django import forms

from benchmark_site.leaderboard.models import ApiToken, Team


class TeamForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ["name"]


class TokenForm(forms.ModelForm):
    class Meta:
        model = ApiToken
        fields = ["label"]
