"""Figures, exports and the table of workers, for those who collect."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import NullIf
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.text import slugify
from django.views.decorators.http import require_GET
from django.views.generic import ListView

from annotation.console import export, figures
from annotation.models import Assignment, Batch, Worker
from annotation.review.quality_flags import of_worker

ORDERS = {
    "name": (F("worker_id"),),
    "gold": ((F("gold_right") * 1.0 / NullIf(F("gold_answers"), 0)).asc(nulls_last=True), F("pk")),
    "reliability": (F("reliability").asc(nulls_last=True), F("pk")),
}


@require_GET
def figure(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """One figure of a batch, as SVG."""
    try:
        drawn = figures.draw(get_object_or_404(Batch, pk=pk), name)
    except KeyError as error:
        raise Http404(f"no figure {name}") from error
    return HttpResponse(drawn, content_type="image/svg+xml")


@require_GET
def download(request: HttpRequest, pk: int, form: str) -> StreamingHttpResponse:
    """All answers of a batch."""
    batch = get_object_or_404(Batch, pk=pk)
    if form not in export.FORMS:
        raise Http404(f"no export as {form}")
    response = StreamingHttpResponse(export.write(batch, form), content_type=export.FORMS[form])
    response["Content-Disposition"] = f'attachment; filename="{slugify(batch.name) or "batch"}.{form}"'
    return response


class WorkerList(ListView):
    """Every worker, with what became of the answers; counted for the page's workers alone."""

    template_name = "annotation/worker_list.html"
    paginate_by = 50

    def get_queryset(self) -> QuerySet[Worker]:
        found = Worker.objects.filter(worker_id__icontains=self.request.GET.get("q", "").replace("\0", "").strip())
        return found.order_by(*ORDERS.get(self.request.GET.get("order", ""), ORDERS["name"]))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        page: Page = context["page_obj"]
        states = Assignment.State
        counted = Assignment.objects.filter(worker__in=[row.pk for row in page]).values("worker").order_by("worker")
        counts = {
            row["worker"]: row
            for row in counted.annotate(
                answers=Count("pk"),
                used=Count("pk", filter=Q(used=True)),
                rejected=Count("pk", filter=Q(state__in=[states.REJECTING, states.REJECTED])),
                flagged=Count("pk", filter=~Q(evidence=[])),
                last=Max("submitted_at"),
            )
        }
        rows = [{**counts.get(row.pk, {}), "worker": row, "doubts": of_worker(row)} for row in page]
        asked = self.request.GET
        return {**context, "rows": rows, "q": asked.get("q", ""), "order": asked.get("order", "name")}
