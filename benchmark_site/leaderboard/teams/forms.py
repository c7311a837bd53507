"""What a person says about a team, and about a token."""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.contrib.auth.models import AnonymousUser, User

from annotation.roles import COLLECT
from benchmark_site.leaderboard.lookalikes import look_alike
from benchmark_site.leaderboard.models import ApiToken, Scope, Team
from benchmark_site.leaderboard.models.teams import not_the_baselines


class TeamForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ["name"]

    def clean_name(self) -> str:
        """The name as a reader sees it: wide letters, split accents and rows of blanks make no second one of it.

        Nor do letters that look like others.
        """
        name = " ".join(unicodedata.normalize("NFKC", self.cleaned_data["name"]).split())
        not_the_baselines(name)
        others = Team.objects.exclude(pk=self.instance.pk).values_list("name", flat=True)
        if any(look_alike(name, other) for other in others):
            raise forms.ValidationError("This name is taken, or looks like one that is.", code="taken")
        return name


class InvitationForm(forms.Form):
    email = forms.EmailField(required=False)


class TokenForm(forms.ModelForm):
    """What a token of this person may do: only who collects may order work."""

    days = forms.TypedChoiceField(
        label="Ends after", coerce=int, choices=[(30, "30 days"), (90, "90 days"), (365, "a year")], initial=90
    )

    class Meta:
        model = ApiToken
        fields = ["label", "scope"]
        labels = {"label": "Where it will be used", "scope": "It may"}

    def __init__(self, *args: Any, user: User | AnonymousUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scope = self.fields["scope"]
        assert isinstance(scope, forms.ChoiceField)
        scope.choices = [one for one in Scope.choices if one[0] != Scope.ORDERS or user.has_perm(COLLECT)]
