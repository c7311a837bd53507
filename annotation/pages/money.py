"""The money of all batches, as a page and as CSV."""

from __future__ import annotations

import csv
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.generic import ListView

from annotation.crowd.balance import SUBJECT
from annotation.models import Finding
from annotation.review.money_report import COLUMNS, By, report

MONTH = "%Y-%m"


class MoneyReport(ListView):
    """By batch, worker, stage or month: `?by=`."""

    template_name = "annotation/money.html"
    paginate_by = 50

    def get_queryset(self) -> list[dict[str, Any]]:  # type: ignore[override]  # pages of a list
        return report(_by(self.request))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(by=_by(self.request), ways=list(By), columns=COLUMNS, **kwargs)
        context["rows"] = [_cells(row) for row in context["object_list"]]
        context["findings"] = Finding.objects.filter(subject=SUBJECT)[:20]
        return context


def money_csv(request: HttpRequest) -> HttpResponse:
    """The whole report."""
    by = _by(request)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="money-by-{by}.csv"'
    writer = csv.writer(response)
    writer.writerow([by, *COLUMNS])
    writer.writerows(_cells(row) for row in report(by))
    return response


def _by(request: HttpRequest) -> By:
    asked = request.GET.get("by", "")
    return By(asked) if asked in set(By) else By.BATCH


def _cells(row: dict[str, Any]) -> list[Any]:
    key = row["key"]
    shown = key.strftime(MONTH) if hasattr(key, "strftime") else key
    # A spreadsheet takes a name that begins like this for a formula.
    safe = f"'{shown}" if str(shown).lstrip()[:1] in {*"=+-@"} else shown
    return [safe, *(row[column] for column in COLUMNS)]
