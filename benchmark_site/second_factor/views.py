"""The page that asks for a code at the log-in, and the one where a person turns the second factor on and off."""

from __future__ import annotations

from base64 import b32encode
from typing import cast

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from benchmark_site.second_factor.forms import CodeForm, FirstCodeForm
from benchmark_site.second_factor.pending import KEY, Lacks, app_of, complete, is_wanted_of, note_lack

RECOVERY_CODES = 10


@sensitive_post_parameters("code")
def enter_code(request: HttpRequest) -> HttpResponse:
    """Second step of the log-in."""
    if _lack(request) != Lacks.CODE:
        return redirect(_next(request))
    form = CodeForm(request.POST or None, user=_user(request))
    if request.method == "POST" and form.is_valid():
        complete(request)
        return redirect(_next(request))
    context = {"form": form, "next": _next(request)}
    return render(request, "benchmark_site/second_factor_code.html", context, status=400 if form.errors else 200)


@sensitive_post_parameters("code", "password")
def second_factor(request: HttpRequest) -> HttpResponse:
    """Turn it on, turn it off, have new recovery codes."""
    if _lack(request) == Lacks.CODE:
        return redirect(Lacks.CODE.value)
    return _turn_on(request) if app_of(_user(request)) is None else _change(request)


def _turn_on(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    device = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    if device is None:
        device = TOTPDevice.objects.create(user=user, name="app", confirmed=False)
    form = FirstCodeForm(request.POST or None, user=user, device=device)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            codes = _new_recovery_codes(user)
        complete(request)
        return _show_codes(request, codes)
    key = b32encode(device.bin_key).decode()
    context = {
        "form": form,
        "picture": segno.make(device.config_url, micro=False).svg_inline(scale=5, border=4, light="white"),
        "key": " ".join(key[at : at + 4] for at in range(0, len(key), 4)),
        "wanted": is_wanted_of(user),
        "next": _next(request),
    }
    return render(request, "benchmark_site/second_factor_on.html", context, status=400 if form.errors else 200)


def _change(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    form = CodeForm(request.POST or None, user=user)
    off = request.POST.get("change") == "off"
    if request.method == "POST" and off and is_wanted_of(user):
        form.add_error(None, "Your account needs a second factor here.")
    if request.method == "POST" and form.is_valid():
        if not off:
            return _show_codes(request, _new_recovery_codes(user))
        with transaction.atomic():
            TOTPDevice.objects.filter(user=user).delete()
            StaticDevice.objects.filter(user=user).delete()
        messages.success(request, "The second factor is off: your password alone opens your account.")
        return redirect("second-factor")
    left = StaticToken.objects.filter(device__user=user).count()
    context = {"form": form, "left": left, "wanted": is_wanted_of(user)}
    return render(request, "benchmark_site/second_factor.html", context, status=400 if form.errors else 200)


@transaction.atomic
def _new_recovery_codes(user: User) -> list[str]:
    """Codes that are each good for once; the older ones are good for nothing any more."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    return render(request, "benchmark_site/second_factor_codes.html", {"codes": codes, "next": _next(request)})


def _lack(request: HttpRequest) -> str | None:
    """What a session that lacked something lacks now."""
    if KEY in request.session:
        note_lack(request, _user(request))
    return cast("str | None", request.session.get(KEY))


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # by the table of access


def _next(request: HttpRequest) -> str:
    """Where the person was going; home, where that is not an address of ours."""
    to = request.POST.get("next") or request.GET.get("next", "")
    here = url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return to if here else resolve_url(settings.LOGIN_REDIRECT_URL)
