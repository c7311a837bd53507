"""A session that has its password and lacks its second factor: nothing is open to it but the page that asks.

The session remembers what it lacks from the log-in on, so no page pays for looking it up. Tokens of the API have scopes
and an end of their own and are no sessions.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import urlencode
from django_otp.plugins.otp_totp.models import TOTPDevice

from annotation.roles import COLLECT, REVIEW

KEY = "second_factor"
ALWAYS = {"logout", "health"}


class Lacks(StrEnum):
    """What the session lacks: the name of the page that asks for it."""

    CODE = "second-factor-code"
    APP = "second-factor"  # where the settings want one of people with this account's rights


@receiver(user_logged_in, dispatch_uid="second factor")
def ask(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """Note down what the new session lacks."""
    note_lack(request, user)


def note_lack(request: HttpRequest, user: User) -> None:
    """Note down what the session lacks by now: an app may have been taken off the account, or put on, meanwhile."""
    request.session.pop(KEY, None)
    if app_of(user) is not None:
        request.session[KEY] = Lacks.CODE.value
    elif is_wanted_of(user):
        request.session[KEY] = Lacks.APP.value


def app_of(user: User) -> TOTPDevice | None:
    """The app that gives this account's codes, once it has given a right one."""
    device: TOTPDevice | None = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    return device


def is_wanted_of(user: User) -> bool:
    """Whether this account sees what is collected, on a platform that asks such people for a second factor."""
    return settings.SECOND_FACTOR and (user.is_staff or user.has_perm(REVIEW) or user.has_perm(COLLECT))


def complete(request: HttpRequest) -> None:
    """The session lacks nothing any more; it gets another key, since the old one was known before."""
    request.session.pop(KEY, None)
    request.session.cycle_key()


class SecondFactorMiddleware(MiddlewareMixin):
    """Sends whoever lacks something to the page that asks for it."""

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        if not request.user.is_authenticated or KEY not in request.session:
            return None
        asks = Lacks(request.session[KEY]).value
        if request.resolver_match.view_name in ALWAYS | {asks}:  # type: ignore[union-attr]  # views run for matches only
            return None
        request.csrf_processing_done = True  # type: ignore[attr-defined]  # its body is not read
        return redirect(f"{reverse(asks)}?{urlencode({'next': request.get_full_path()})}")
