"""Submitting by form, and the pages of what was submitted."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from benchmark_site.jobs.listening import has_worker
from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.boards.board import Wanted
from benchmark_site.leaderboard.boards.drawing import badge
from benchmark_site.leaderboard.boards.kept import kept, kept_board
from benchmark_site.leaderboard.boards.version import Standing, standings
from benchmark_site.leaderboard.boards.views import find_track
from benchmark_site.leaderboard.models import State, Submission, Team, Track
from benchmark_site.leaderboard.scoring.by_hand import commands
from benchmark_site.leaderboard.scoring.disclosed import (
    digits,
    disclosed_breakdowns,
    disclosed_notes,
    disclosed_private_scores,
    disclosed_report,
    disclosed_scores,
)
from benchmark_site.leaderboard.scoring.score import WALL_S
from benchmark_site.leaderboard.scoring.steps import steps
from benchmark_site.leaderboard.submissions import uploads
from benchmark_site.leaderboard.submissions.deletion import delete_file
from benchmark_site.leaderboard.submissions.finals import set_final
from benchmark_site.leaderboard.submissions.forms import CardForm, UploadForm
from benchmark_site.leaderboard.submissions.mine import sent_by_teams
from benchmark_site.leaderboard.submissions.offers import Offers, offers
from benchmark_site.leaderboard.submissions.pieces import discard, unfinished
from benchmark_site.leaderboard.submissions.quota import quota, tries_left
from benchmark_site.leaderboard.submissions.submit import cancel, check_form, check_may_submit, create_submission
from benchmark_site.leaderboard.submissions.visibility import set_public, visible_to

_PAGE = 50
_TRACKS = 10  # on one page, each counted for each of the user's teams


@csrf_exempt  # the upload must be read by our own handler before the token in its fields can be checked
@login_required
def submit(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """Upload a file of predictions for one of the user's teams."""
    track = find_track(slug, version, task, split)
    teams = Team.objects.filter(memberships__user=request.user.pk)
    if not teams:
        messages.info(request, "Create a team first: its name stands on the board.")
        return redirect("teams")
    if request.method != "POST":
        return _submit_page(request, track, UploadForm(teams=teams), 200)
    try:
        fields, file = uploads.receive(request)
    except ApiError as refusal:
        form = UploadForm({}, teams=teams)
        form.full_clean()
        form.errors.clear()
        form.add_error("file", refusal.message)
        return _submit_page(request, track, form, refusal.status)
    request.META["HTTP_X_CSRFTOKEN"] = fields.get("csrfmiddlewaretoken", "")
    with file:
        return _submit_checked(request, track, UploadForm(fields, {"file": file}, teams=teams), file)


@csrf_protect
def _submit_checked(request: HttpRequest, track: Track, form: UploadForm, file: uploads.Upload) -> HttpResponse:
    try:
        check_form(form)
        team: Team = form.cleaned_data["team"]
        began = uploads.began(request)
        check_may_submit(team, track, began, form.cleaned_data["dry_run"])
        submission = create_submission(team, track, request.user, form, file, began)
    except ApiError as refusal:
        if refusal.field not in form.errors:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return _submit_page(request, track, form, refusal.status)
    return redirect(submission)


@login_required
def submissions(request: HttpRequest) -> HttpResponse:
    """Everything of the user's teams, and what each may still submit."""
    teams = list(Team.objects.filter(memberships__user=request.user.pk))
    now = timezone.now()
    open_tracks = [track for track in Track.objects.select_related("release") if track.takes(now)]
    tracks = Paginator(open_tracks, _TRACKS).get_page(request.GET.get("tracks"))
    context = {
        "page": Paginator(sent_by_teams(teams), _PAGE).get_page(request.GET.get("page")),
        "tracks": tracks,
        "quotas": tries_left(teams, list(tracks), now),
        "teams": teams,
        "uploads": unfinished(request.user).select_related("track__release"),
    }
    return render(request, "leaderboard/submissions.html", context)


@require_POST
@login_required
def end_upload(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """End an upload of one's own, with what has come of it."""
    discard(get_object_or_404(unfinished(request.user), pk=pk))
    return redirect("submissions")


def submission(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """State, problems, scores; the page asks again while the scoring is under way."""
    found = get_object_or_404(visible_to(request.user), pk=pk)
    evaluation = found.shown_evaluation
    member = found.team.memberships.filter(user=request.user.pk).exists()
    own = member or bool(getattr(request.user, "is_staff", False))
    context: dict[str, Any] = {
        "submission": found,
        "evaluation": evaluation,
        "nobody_scores": evaluation.state == State.QUEUED and not has_worker(evaluation.task),
        "own": own,
        "steps": steps(found, found.evaluations.defer("report", "log", "problems")) if own else [],
        "by_hand": commands(found) if own else [],
        "scores": disclosed_scores(evaluation),
        "breakdowns": disclosed_breakdowns(evaluation),
        "notes": disclosed_notes(evaluation),
        "digits": digits(found.track),
        "earlier": [
            (one, [score for score in disclosed_scores(one) if score.key == found.track.primary_metric])
            for one in found.evaluations.filter(state=State.DONE).exclude(pk=evaluation.pk)
        ],
        "card": CardForm(instance=found) if member else None,
        "offers": offers(found, evaluation) if member else Offers(),
    }
    if found.track.has_private_part:
        context["revealed"] = found.track.is_revealed(timezone.now())
        context["private_scores"] = disclosed_private_scores(evaluation)
    part = context["part"] = request.headers.get("HX-Request") == "true"
    return render(request, "leaderboard/_submission_state.html" if part else "leaderboard/submission.html", context)


@require_POST
@login_required
def cancel_submission(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Stop the scoring of an own submission."""
    return _act(request, pk, cancel)


@require_POST
@login_required
def card(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Change the words beside an own submission; the file and its scores stay."""
    found = _own_or_404(request, pk)
    form = CardForm(request.POST, instance=found)
    if form.is_valid():
        Submission.objects.filter(pk=pk).update(**form.cleaned_data)
        messages.success(request, "What is said about it is changed.")
    else:
        messages.error(request, " ".join(f"{name}: {' '.join(map(str, said))}" for name, said in form.errors.items()))
    return redirect("submission", pk)


@require_POST
@login_required
def choose(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Choose an own submission for the private part, or take the choice back."""
    return _act(request, pk, lambda found: set_final(found, request.POST.get("final") == "yes"))


@require_POST
@login_required
def delete_own_file(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Delete the file of an own submission; its scores stay."""
    return _act(request, pk, delete_file, "The file is deleted.")


@require_POST
@login_required
def publish(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show an own submission on the board, or take it back."""
    return _act(request, pk, lambda found: set_public(found, request.POST.get("public") == "yes"))


def badge_of(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Rank and primary metric of a submission as a small picture, for a README."""
    found = get_object_or_404(visible_to(request.user), pk=pk)
    (board,) = standings(Track.objects.filter(pk=found.track_id), timezone.now())
    place = kept(board, f"badge {pk}", lambda track: _place(board, found))
    return HttpResponse(badge(str(found.track), place.made), content_type="image/svg+xml")


def report(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The evaluator's report as JSON; where the truth is hidden, what the track shows of it."""
    found = get_object_or_404(visible_to(request.user), pk=pk)
    response = JsonResponse(disclosed_report(found.shown_evaluation))
    response["Content-Disposition"] = f'attachment; filename="{found.pk}.json"'
    return response


def _place(standing: Standing, submission: Submission) -> str:
    """Rank and primary metric on the board as it opens; of what stands there only on request, among every submission.

    Late entries have a board of their own.
    """
    late = submission.is_late
    for every in (False, True):
        board = kept_board(standing, Wanted(every=every, late=late, rows=None)).made
        row = next((row for row in board.rows if row.submission.pk == submission.pk), None)
        if row and row.rank and row.primary:
            part = "" if board.part == "all" else f" of the {board.part} part"
            value = f"{row.primary.value:.{max(0, digits(board.track))}f} %{part}"
            return f"#{row.rank} of {board.count}{' after the end' * late}, {value}"
    return "no rank"


def _submit_page(request: HttpRequest, track: Track, form: UploadForm, status: int) -> HttpResponse:
    now = timezone.now()
    teams = Team.objects.filter(memberships__user=request.user.pk)
    context = {
        "track": track,
        "form": form,
        "open": track.takes(now),
        "late": track.takes(now) and not track.is_open(now),
        "state": track.state(now).replace("closed", "is closed"),
        "next_event": track.next_event(now),
        "quotas": [(team, quota(team, track, now)) for team in teams],
        "max_bytes": uploads.max_bytes(),
        "scoring_minutes": WALL_S // 60,
    }
    return render(request, "leaderboard/submit.html", context, status=status)


def _own_or_404(request: HttpRequest, pk: uuid.UUID) -> Submission:
    return get_object_or_404(Submission, pk=pk, team__memberships__user=request.user.pk)


def _act(request: HttpRequest, pk: uuid.UUID, act: Callable[[Submission], None], done: str = "") -> HttpResponse:
    """Do something with an own submission, and show its page with what came of it."""
    found = _own_or_404(request, pk)
    try:
        act(found)
    except ApiError as refusal:
        messages.error(request, refusal.message)
    else:
        if done:
            messages.success(request, done)
    return redirect(found)
