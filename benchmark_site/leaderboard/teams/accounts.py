"""Making an account: open to everybody, or by an invitation into a team."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from benchmark_site.leaderboard.teams.membership import accept, find_invitation

# Two backends answer for a log-in (one only counts failures), so the one that knows the user is named.
_PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"  # noqa: S105


class SignupForm(UserCreationForm):
    email = forms.EmailField(help_text="for a new password, when you need one; nobody else sees it")

    class Meta:
        model = User
        fields = ["username", "email"]


@sensitive_post_parameters("password1", "password2")
def signup(request: HttpRequest) -> HttpResponse:
    """Make an account and log in; `?invitation=` makes it a member of the team, and is used up by that."""
    secret = request.GET.get("invitation", "")
    invited = find_invitation(secret) if secret else None
    # By invitations of anybody one person would get accounts, hence tries on a hidden split, without end.
    if not settings.OPEN_SIGNUP and not (invited and invited.invited_by.is_staff):
        return render(request, "benchmark_site/signup_closed.html", status=403 if request.method == "POST" else 200)
    form = SignupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = _join(form, secret if invited else "")
        if user is not None:
            login(request, user, backend=_PASSWORD_BACKEND)
            return redirect("teams")
        form.add_error(None, "The invitation was used meanwhile, or has ended: ask for another one.")
    return render(
        request, "benchmark_site/signup.html", {"form": form, "invited": invited}, status=400 if form.errors else 200
    )


@transaction.atomic
def _join(form: SignupForm, secret: str) -> User | None:
    """The new account, in the team of the invitation if one is given; none where that cannot be used any more."""
    user: User = form.save()
    if secret and accept(secret, user) is None:
        transaction.set_rollback(True)
        return None
    return user
