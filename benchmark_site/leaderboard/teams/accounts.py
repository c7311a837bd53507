"""Making an account: open to everybody, or by an invitation into a team; with a password, or by a provider.

And changing its address.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from benchmark_site.leaderboard.teams import identities
from benchmark_site.leaderboard.teams.forms import AddressForm, NewNameForm, SignupForm
from benchmark_site.leaderboard.teams.membership import accept, find_invitation
from benchmark_site.leaderboard.teams.openid import Claims

logger = logging.getLogger(__name__)


@sensitive_post_parameters("password1", "password2")
def signup(request: HttpRequest) -> HttpResponse:
    """Make an account and log in; `?invitation=` makes it a member of the team, and is used up by that."""
    secret = request.GET.get("invitation", "")
    invited = find_invitation(secret) if secret else None
    # By invitations of anybody one person would get accounts, hence tries on a hidden split, without end.
    if not settings.OPEN_SIGNUP and not (invited and invited.invited_by.is_staff):
        return render(request, "benchmark_site/signup_closed.html", status=403 if request.method == "POST" else 200)
    claims = identities.waiting(request)
    form = _form(request, claims)
    if request.method == "POST" and form.is_valid():
        try:
            user = _join(form, secret if invited else "", claims)
        except IntegrityError:
            form.add_error(None, "Your account was made meanwhile: log in.")
        else:
            if user is not None:
                identities.forget(request)
                login(request, user, backend=identities.BACKEND)
                return redirect("teams")
            form.add_error(None, "The invitation was used meanwhile, or has ended: ask for another one.")
    context = {"form": form, "invited": invited, "secret": secret, "claims": claims, "provider": settings.OIDC_NAME}
    return render(request, "benchmark_site/signup.html", context, status=400 if form.errors else 200)


@sensitive_post_parameters("password")
@login_required
def address(request: HttpRequest) -> HttpResponse:
    """Change the address to which mail goes; the old one is told."""
    assert isinstance(request.user, User)
    user, before = request.user, request.user.email
    form = AddressForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        User.objects.filter(pk=user.pk).update(email=form.cleaned_data["email"])
        if before and before != form.cleaned_data["email"]:
            _tell_old(user, before)
        messages.success(request, f"Mail goes to {form.cleaned_data['email']} from now on.")
        return redirect("address")
    return render(request, "benchmark_site/address.html", {"form": form}, status=400 if form.errors else 200)


def _tell_old(user: User, before: str) -> None:
    text = (
        f"Mail to {user.get_username()} on HERO Bench goes to another address from now on. If it was not you who "
        f"changed it, write to whoever runs {settings.SITE_URL}: this address opens nothing there any more.\n"
    )
    try:
        send_mail("Your address on HERO Bench was changed", text, None, [before])
    except OSError as error:  # smtplib's own errors are some, too
        logger.warning("account %s is not told of its new address: %s", user.pk, error)


def _form(request: HttpRequest, claims: Claims | None) -> SignupForm | NewNameForm:
    if claims is None:
        return SignupForm(request.POST or None)
    return NewNameForm(request.POST or None, initial={"username": claims.name})


@transaction.atomic
def _join(form: SignupForm | NewNameForm, secret: str, claims: Claims | None) -> User | None:
    """The new account, in the team of the invitation if one is given; none where that cannot be used any more.

    Raises IntegrityError where the identity has an account by now.
    """
    user: User = form.save(commit=False)
    if claims is not None:
        user.email = claims.email
        user.set_unusable_password()
    user.save()
    if claims is not None:
        identities.give(user, claims)
    if secret and accept(secret, user) is None:
        transaction.set_rollback(True)
        return None
    return user
