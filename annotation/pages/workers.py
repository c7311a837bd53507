"""A worker's page: what he has done, and the door by which he is kept out."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST
from django.views.generic import DetailView

from annotation.crowd import blocks
from annotation.models import Assignment, Worker


class WorkerDetail(DetailView):
    model = Worker
    template_name = "annotation/worker_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        done = Assignment.objects.filter(worker=self.object)
        counts = dict(done.values_list("state").order_by("state").annotate(Count("id")))
        return super().get_context_data(
            states=[(state.label, counts.get(state.value, 0)) for state in Assignment.State],
            used=done.filter(used=True).count(),
            last=done.select_related("hit__batch").order_by("-submitted_at")[:50],
            **kwargs,
        )


@require_POST
def block(request: HttpRequest, pk: int) -> HttpResponse:
    """Block a worker, or let him in again."""
    worker = get_object_or_404(Worker, pk=pk)
    blocked = request.POST.get("blocked") == "yes"
    blocks.set_blocked(pk, blocked=blocked, reason=request.POST.get("reason", "")[:1024])
    messages.success(request, f"{worker} is blocked." if blocked else f"{worker} may work again.")
    return redirect("worker", pk=pk)
