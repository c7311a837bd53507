"""Logging in by a provider (OpenID Connect), and how an account comes to have an identity there.

An address is no proof on this site, where nobody confirms it: whoever has signed up with somebody else's address would
wait for them. So an identity joins an account that is there only by that account's password, in the same session, and
only where the provider has confirmed the account's own address.
"""

from __future__ import annotations

import time
from dataclasses import asdict

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache

from benchmark_site.leaderboard.models import Identity
from benchmark_site.leaderboard.teams.openid import Claims, ProviderError, claims_of, send_there

# Two backends answer for a log-in (one only counts failures), so the one that knows the user is named.
BACKEND = "django.contrib.auth.backends.ModelBackend"
_CAME_FROM, _WAITS = "provider_came_from", "provider_identity"
WAITS_S = 900  # for a name or a password: whoever sits at the browser later is perhaps another
_OFF = "This site knows no provider: log in with your password."


@never_cache
def go(request: HttpRequest) -> HttpResponse:
    """To the provider, and by `next` or with an `invitation` to where the person was going."""
    if not settings.OIDC_ISSUER:
        return _refuse(request, _OFF)
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    request.session[_CAME_FROM] = {"next": _next(request), "invitation": request.GET.get("invitation", "")}
    try:
        return send_there(request)
    except ProviderError:
        said = f"{settings.OIDC_NAME} does not answer: log in with your password, or try again in a moment."
        return _refuse(request, said, status=502)


@never_cache
def come_back(request: HttpRequest) -> HttpResponse:
    """From the provider: a known identity is logged in, another one leads to its account's password or to a new one."""
    if not settings.OIDC_ISSUER:
        return _refuse(request, _OFF)
    try:
        claims = claims_of(request)
    except ProviderError:
        return _refuse(request, f"The log-in at {settings.OIDC_NAME} came to no end. Begin it again.")
    came_from = request.session.pop(_CAME_FROM, {})
    known = Identity.objects.select_related("user").filter(issuer=settings.OIDC_ISSUER, subject=claims.subject).first()
    if known is None:
        return _newcomer(request, claims, came_from)
    if not known.user.is_active:
        return _refuse(request, "Your account here is closed.", status=403)
    login(request, known.user, backend=BACKEND)
    return redirect(came_from.get("next") or settings.LOGIN_REDIRECT_URL)


def waiting(request: HttpRequest) -> Claims | None:
    """The identity that has come from the provider in this session and has no account yet."""
    kept = request.session.get(_WAITS)
    return Claims(**kept["said"]) if kept and settings.OIDC_ISSUER and kept["until"] > time.time() else None


def forget(request: HttpRequest) -> None:
    """Nothing waits in this session any more."""
    request.session.pop(_WAITS, None)


def give(user: User, claims: Claims) -> None:
    """Give a new account the identity that waited. Raises IntegrityError where it has an account by now."""
    Identity.objects.create(user=user, issuer=settings.OIDC_ISSUER, subject=claims.subject)


def join(request: HttpRequest) -> None:
    """Join the identity that waits to the account whose password has just been given, if the address is its own."""
    claims, user = waiting(request), request.user
    forget(request)
    if claims is None or not isinstance(user, User) or user.email.casefold() != claims.email.casefold():
        return
    Identity.objects.get_or_create(issuer=settings.OIDC_ISSUER, subject=claims.subject, defaults={"user": user})
    messages.success(request, f"From now on {settings.OIDC_NAME} logs you in.")


def _newcomer(request: HttpRequest, claims: Claims, came_from: dict[str, str]) -> HttpResponse:
    if not claims.email:
        said = f"{settings.OIDC_NAME} has not confirmed your e-mail address. Have it confirmed there, then come again."
        return _refuse(request, said, status=403)
    request.session[_WAITS] = {"said": asdict(claims), "until": time.time() + WAITS_S}
    if User.objects.filter(email__iexact=claims.email).exists():
        said = f"An account here has the address {claims.email}. Log in with its password this once: from then on"
        messages.info(request, f"{said} {settings.OIDC_NAME} is enough.")
        return redirect(f"{reverse('login')}?{urlencode({'next': came_from.get('next', '')})}")
    return redirect(f"{reverse('signup')}?{urlencode({'invitation': came_from.get('invitation', '')})}")


def _refuse(request: HttpRequest, reason: str, status: int = 400) -> HttpResponse:
    return render(request, "benchmark_site/provider_refused.html", {"reason": reason}, status=status)


def _next(request: HttpRequest) -> str:
    to = request.GET.get("next", "")
    here = url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return to if here else resolve_url(settings.LOGIN_REDIRECT_URL)
