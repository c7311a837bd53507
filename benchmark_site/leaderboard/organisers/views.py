"""The pages of a board for those who run it, and the one on which people ask to take part."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

import evaluation as evaluator
from benchmark_site.jobs.listening import has_worker
from benchmark_site.leaderboard.boards.tracks import warning
from benchmark_site.leaderboard.boards.views import find_track
from benchmark_site.leaderboard.models import Announcement, Participant
from benchmark_site.leaderboard.organisers.export import export_track
from benchmark_site.leaderboard.organisers.forms import AnnouncementForm, AskForm, TrackForm, ZoneForm
from benchmark_site.leaderboard.organisers.insight import insight
from benchmark_site.leaderboard.scoring import score
from benchmark_site.leaderboard.task_names import SCORE
from benchmark_site.leaderboard.teams import participation
from evaluation.release import ReleaseError


def settings(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """Dates, limits, parts and what is shown; saving says what the track then lets out."""
    track = find_track(slug, version, task, split)
    zone = ZoneForm(request.POST or request.GET)
    with timezone.override(zone.chosen()):
        form = TrackForm(request.POST or None, instance=track)
        if request.method == "POST" and form.is_valid():
            form.save()
            messages.success(request, "The settings are saved.")
            try:
                told = warning(track)
            except ReleaseError as error:
                told = f"its limits could not be compared with the size of its split: {error}"
            if told:
                messages.warning(request, told)
            return redirect("track-settings", *track.url_args)
        now = timezone.now()
        context = {
            "track": track,
            "form": form,
            "zone": zone,
            "next_event": track.next_event(now),
            "outdated": score.outdated(track).count(),
            "evaluator_version": evaluator.__version__,
            "participants": track.participants.select_related("user", "decided_by"),
        }
        return render(request, "leaderboard/track_settings.html", context, status=400 if form.errors else 200)


@require_POST
def rescore_all(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """Have everything scored by the evaluator of today; asks for the track's name, since each costs a scoring."""
    track = find_track(slug, version, task, split)
    if request.POST.get("name", "").strip() != track.path:
        messages.error(request, f"To score all of it again, write the track's name: {track.path}")
    else:
        count = score.rescore_all(track)
        messages.success(request, f"{count} are scored by evaluator {evaluator.__version__}; old scores are kept.")
    return redirect("track-settings", *track.url_args)


def overview(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """What comes, why it fails, how long it waits; announcements and the download of everything."""
    track = find_track(slug, version, task, split)
    form = AnnouncementForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        track.announcements.create(text=form.cleaned_data["text"], created_by=request.user)
        return redirect("track-overview", *track.url_args)
    context = {
        "track": track,
        "form": form,
        "insight": insight(track, timezone.now()),
        "announcements": track.announcements.filter(withdrawn_at=None),
        "scoring_minutes": score.WALL_S // 60,
        "nobody_scores": not has_worker(SCORE),
    }
    return render(request, "leaderboard/track_overview.html", context, status=400 if form.errors else 200)


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an announcement off its board."""
    found = get_object_or_404(Announcement.objects.select_related("track__release"), pk=pk)
    Announcement.objects.filter(pk=pk, withdrawn_at=None).update(withdrawn_at=timezone.now())
    return redirect("track-overview", *found.track.url_args)


def download(request: HttpRequest, slug: str, version: str, task: str, split: str) -> StreamingHttpResponse:
    """Everything about a track as a zip, which is made while it is sent."""
    track = find_track(slug, version, task, split)
    response = StreamingHttpResponse(export_track(track), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{track.path.replace("/", "-")}.zip"'
    return response


@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody in who has asked, or refuse."""
    participant = get_object_or_404(Participant.objects.select_related("track__release"), pk=pk)
    assert isinstance(request.user, User)  # the table of access has seen to it
    participation.decide(participant, request.POST.get("let_in") == "yes", request.user)
    return redirect("track-settings", *participant.track.url_args)


@require_POST
@login_required
def join(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """Ask to take part in a track where an organiser lets people in."""
    track = find_track(slug, version, task, split)
    form = AskForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form.errors["about"]))
    else:
        assert isinstance(request.user, User)
        participation.ask(track, request.user, form.cleaned_data["about"])
        messages.success(request, "An organiser has been asked; this page says when you are in.")
    return redirect(track)
