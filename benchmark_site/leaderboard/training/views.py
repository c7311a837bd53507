"""The page of a training run."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from benchmark_site.leaderboard.models import TrainingRun


def training_run(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the training is; the page asks again while it runs."""
    run = get_object_or_404(TrainingRun.objects.select_related("release"), pk=pk)
    part = request.headers.get("HX-Request") == "true"
    return render(
        request, "leaderboard/_training_state.html" if part else "leaderboard/training_run.html", {"run": run}
    )
