"""The home page, the health probe, and the page of a fault of ours."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LoginView
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import defaults

from annotation.models import Batch, Clip, Query, Question, Segment, Video
from annotation.pages.task.task_page import task_failed
from annotation.roles import COLLECT
from benchmark_site.leaderboard import api
from benchmark_site.leaderboard.models import Track
from benchmark_site.releases.models import Release

COLLECTED = (Video, Clip, Segment, Query, Question)


class LogIn(LoginView):
    """Django's own; the way to an account is shown where anybody may make one."""

    template_name = "benchmark_site/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(open_signup=settings.OPEN_SIGNUP, **kwargs)


def home(request: HttpRequest) -> HttpResponse:
    """What is released; to those who collect also what is collected, and releases that are not frozen."""
    releases = Release.objects.all()
    tracks = Track.objects.select_related("release")[:10]
    if not request.user.has_perm(COLLECT):
        frozen = releases.filter(state=Release.State.FROZEN)
        return render(request, "benchmark_site/home.html", {"releases": frozen[:5], "tracks": tracks})
    context = {
        "counts": [(model._meta.verbose_name_plural, model._default_manager.count()) for model in COLLECTED],
        "batches": Batch.objects.all()[:5],
        "releases": releases[:5],
        "tracks": tracks,
    }
    return render(request, "benchmark_site/home.html", context)


def health(request: HttpRequest) -> JsonResponse:
    """200 when the database answers; for supervisors and load balancers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Status 404; below /api/ in the one shape of its errors."""
    return (
        api.missing(request, exception)
        if request.path.startswith("/api/")
        else defaults.page_not_found(request, exception)
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Status 500, in the task's frame a page that the frame may show."""
    match = request.resolver_match
    return task_failed(request) if match and match.view_name == "task" else defaults.server_error(request)
