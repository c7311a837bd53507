"""The payroll page of the administration."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from annotation.marketplace import clock
from annotation.marketplace.models import Payout
from annotation.marketplace.money import payroll


class PeriodForm(forms.Form):
    first_day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if "first_day" in cleaned and "last_day" in cleaned and cleaned["first_day"] > cleaned["last_day"]:
            raise forms.ValidationError("The last day lies before the first.")
        return cleaned

    def period(self) -> tuple[dt.datetime, dt.datetime]:
        """[first day, day after the last) in UTC."""
        midnight = dt.time(tzinfo=dt.UTC)
        after = self.cleaned_data["last_day"] + dt.timedelta(days=1)
        return dt.datetime.combine(self.cleaned_data["first_day"], midnight), dt.datetime.combine(after, midnight)


@require_http_methods(["GET", "HEAD", "POST"])
@admin.site.admin_view
@permission_required("marketplace.add_payout", raise_exception=True)
def payroll_page(request: HttpRequest) -> HttpResponse:
    """Unpaid earnings of a period; a POST marks them as paid."""
    today = clock.now().date()
    first = today.replace(day=1)
    data = request.POST or request.GET
    form = PeriodForm(data if "first_day" in data else {"first_day": first, "last_day": today})
    earnings: list[payroll.Earning] = []
    if form.is_valid():
        start, end = form.period()
        if request.method == "POST":
            user = request.user if isinstance(request.user, User) else None
            payout = payroll.mark_paid(start, end, user, clock.now())
            if payout is not None:
                messages.success(request, "Marked as paid. Its CSV stays available below.")
            return redirect("payroll")
        earnings = payroll.per_worker(payroll.unpaid(start, end))
        if request.GET.get("format") == "csv":
            return _csv(earnings, f"unpaid-{start:%Y-%m-%d}.csv")
    context = {
        **admin.site.each_context(request),
        "title": "Payroll",
        "form": form,
        "earnings": earnings,
        "total": sum(row.total for row in earnings),
        "payouts": Payout.objects.order_by("-id")[:50],
    }
    return render(request, "admin/marketplace/payroll.html", context, status=200 if form.is_valid() else 400)


@require_safe
@admin.site.admin_view
@permission_required("marketplace.view_payout", raise_exception=True)
def payout_csv(request: HttpRequest, payout_id: int) -> HttpResponse:
    payout = get_object_or_404(Payout, pk=payout_id)
    return _csv(payroll.per_worker(payroll.of_payout(payout)), f"payout-{payout.pk}.csv")


def _csv(earnings: list[payroll.Earning], name: str) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    payroll.write_csv(earnings, response)  # type: ignore[arg-type]  # a response can be written to like a text file
    return response
