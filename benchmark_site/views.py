"""The home page and the health probe."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from annotation.models import Batch, Clip, Query, Question, Segment, Video
from benchmark_site.leaderboard.models import Track
from benchmark_site.releases.models import Release


def home(request: HttpRequest) -> HttpResponse:
    """What there is: footage, crowd work, releases, boards."""
    context = {
        "counts": [
            ("videos", Video.objects.count()),
            ("clips", Clip.objects.count()),
            ("segments", Segment.objects.count()),
            ("queries", Query.objects.count()),
            ("questions", Question.objects.count()),
        ],
        "batches": Batch.objects.all()[:5],
        "releases": Release.objects.all()[:5],
        "tracks": Track.objects.select_related("release")[:10],
    }
    return render(request, "benchmark_site/home.html", context)


def health(request: HttpRequest) -> JsonResponse:
    """200 when the database answers; for supervisors and load balancers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})
