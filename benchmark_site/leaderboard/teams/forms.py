"""What a person says about themselves, a team and a token."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordResetForm, UserCreationForm, UsernameField
from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import cache

from annotation.roles import COLLECT
from benchmark_site.leaderboard.lookalikes import look_alike
from benchmark_site.leaderboard.models import ApiToken, Scope, Team
from benchmark_site.leaderboard.models.teams import not_the_baselines
from benchmark_site.leaderboard.text import one_script

_MAILED_AGAIN_S = 300  # in each web process


def account_name(name: str) -> str:
    """A name for an account: members and organisers go by it. Raises ValidationError where it looks like another's."""
    one_script(name)
    if any(look_alike(name, other) for other in User.objects.values_list("username", flat=True)):
        raise forms.ValidationError("This name is taken, or looks like one that is.", code="taken")
    return name


class SignupForm(UserCreationForm):
    email = forms.EmailField(help_text="for a new password, when you need one; nobody else sees it")

    class Meta:
        model = User
        fields = ["username", "email"]

    def clean_username(self) -> str:
        return account_name(self.cleaned_data["username"])


class NewPasswordForm(PasswordResetForm):
    """Mails one account once in a while: anybody may ask for anybody's, and each mail holds a web thread."""

    def get_users(self, email: str) -> Iterator[User]:
        theirs = super().get_users(email)
        return (user for user in theirs if cache.add(f"new-password-{user.pk}", True, _MAILED_AGAIN_S))


class AddressForm(forms.Form):
    """Another address of one's own, and the password: whoever has the address can have a new password mailed there.

    An account that a provider logs in has no password, and none is mailed.
    """

    email = forms.EmailField(
        label="E-mail", max_length=254, help_text="for a new password and results; nobody else sees it"
    )
    password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("email", user.email)
        self.user = user
        if not user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("This is not your password.")
        return password


class NewNameForm(forms.ModelForm):
    """The account of somebody whom the provider knows: their name here. It has no password."""

    class Meta:
        model = User
        fields = ["username"]
        field_classes = {"username": UsernameField}

    def clean_username(self) -> str:
        return account_name(self.cleaned_data["username"])


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
