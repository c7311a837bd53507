"""Sign-up: open, or by an invite link."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib.auth import login, password_validation
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from annotation.marketplace import clock
from annotation.marketplace.models import Invite, Worker

# Two backends answer for a log-in (one only counts failures), so the one that knows the user is named.
PASSWORD_BACKEND = "annotation.marketplace.worker_site.authentication.AccountBackend"  # noqa: S105


class SignupForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
        help_text="Only you and the host of this site see it; requesters see your worker ID.",
    )
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 8 characters, and not a common password.",
    )

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError("This name is taken. Please choose another one.")
        return username

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        password_validation.validate_password(password, User(username=self.cleaned_data.get("username", "")))
        return password


@sensitive_post_parameters("password")
def signup(request: HttpRequest) -> HttpResponse:
    invite = _invite(request)
    if not settings.MARKETPLACE_OPEN_SIGNUP and invite is None:
        return render(request, "registration/signup_closed.html", status=403)
    form = SignupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        user = _make_account(form, invite)
        if user is not None:
            login(request, user, backend=PASSWORD_BACKEND)
            return redirect("groups")
        form.add_error("username", "This name or this invitation has just been used.")
    return render(request, "registration/signup.html", {"form": form}, status=400 if form.errors else 200)


def _invite(request: HttpRequest) -> Invite | None:
    token = request.GET.get("invite", "")
    return Invite.objects.filter(token=token, used_by=None, expires_at__gt=clock.now()).first() if token else None


def _make_account(form: SignupForm, invite: Invite | None) -> User | None:
    """The new user with its worker; None when somebody else took the name or the invitation meanwhile."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(form.cleaned_data["username"], password=form.cleaned_data["password"])
            worker = Worker.objects.create(user=user)
            if invite is not None and not Invite.objects.filter(pk=invite.pk, used_by=None).update(used_by=worker):
                raise IntegrityError("invite used")
    except IntegrityError:
        return None
    return user
