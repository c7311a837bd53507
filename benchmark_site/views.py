"""The home page, the health probe, and the page of a fault of ours."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views import defaults

from annotation.models import Batch, Clip, Query, Question, Segment, Video
from annotation.pages.task.task_page import task_failed
from annotation.roles import COLLECT
from benchmark_site.leaderboard.boards.leaders import leaders, open_boards
from benchmark_site.leaderboard.submissions.mine import mine
from benchmark_site.leaderboard.teams.identities import join
from benchmark_site.releases.models import Release
from benchmark_site.strangers import alike

COLLECTED = (Video, Clip, Segment, Query, Question)


class LogIn(LoginView):
    """Django's own; the ways by a provider and to an account of one's own are shown where there are such."""

    template_name = "benchmark_site/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(open_signup=settings.OPEN_SIGNUP, provider=settings.OIDC_NAME, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_valid(form)
        join(self.request)
        return answer


def home(request: HttpRequest) -> HttpResponse:
    """What is released and who leads; to participants what is theirs.

    To those who collect also what is collected, and releases that are not frozen.
    """
    now = timezone.now()
    boards = open_boards(now)
    releases = Release.objects.all()
    if not request.user.has_perm(COLLECT):
        releases = releases.filter(state=Release.State.FROZEN)
    newest = list(releases[:5])

    def draw() -> tuple[HttpResponse, int]:
        leading, seconds = leaders(boards, now)
        context: dict[str, Any] = {
            "boards": leading,
            "mine": mine(request.user, [one.track for one in boards], now),
            "releases": newest,
        }
        if request.user.has_perm(COLLECT):
            context |= {
                "counts": [(model._meta.verbose_name_plural, model._default_manager.count()) for model in COLLECTED],
                "batches": Batch.objects.all()[:5],
            }
        return render(request, "benchmark_site/home.html", context), seconds

    facts = [one.version for one in boards], [(one.pk, str(one), one.frozen_at) for one in newest]
    return alike(request, facts, draw)


def health(request: HttpRequest) -> JsonResponse:
    """200 when the database answers; for supervisors and load balancers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


def server_error(request: HttpRequest) -> HttpResponse:
    """Status 500, in the task's frame a page that the frame may show."""
    match = request.resolver_match
    return task_failed(request) if match and match.view_name == "task" else defaults.server_error(request)
