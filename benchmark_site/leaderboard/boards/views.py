"""The public pages: the list of boards, a board, its exports."""

from __future__ import annotations

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from benchmark_site.leaderboard.boards.board import Board, Wanted
from benchmark_site.leaderboard.boards.citing import board_bib, board_sota, board_tex
from benchmark_site.leaderboard.boards.columns import columns_of
from benchmark_site.leaderboard.boards.drawing import draw_history
from benchmark_site.leaderboard.boards.export import board_csv, board_json
from benchmark_site.leaderboard.boards.forms import BoardForm
from benchmark_site.leaderboard.boards.kept import kept_board
from benchmark_site.leaderboard.models import State, Track, TrainingRun
from benchmark_site.leaderboard.scoring.by_hand import command_of


def find_track(slug: str, version: str, task: str, split: str) -> Track:
    """The track of an address, or 404."""
    return get_object_or_404(
        Track.objects.select_related("release"), release__slug=slug, release__version=version, task=task, split=split
    )


def boards(request: HttpRequest) -> HttpResponse:
    """Every track, newest release first."""
    scored = Q(submissions__public=True, submissions__evaluations__state=State.DONE)
    tracks = list(
        Track.objects.select_related("release").annotate(entries=Count("submissions", filter=scored, distinct=True))
    )
    now = timezone.now()
    context = {"tracks": [(track, track.state(now), track.next_event(now)) for track in tracks]}
    return render(request, "leaderboard/boards.html", context)


def board(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """One page of a board; what is asked for stands in the address, so it needs no script."""
    track = find_track(slug, version, task, split)
    form = BoardForm(request.GET, columns=columns_of(track), late_entries=track.late_entries)
    now = timezone.now()
    kept = kept_board(track, form.wanted())
    context = {
        "board": kept.made,
        "key": kept.key,
        "cached_s": kept.seconds,
        "history": draw_history(kept.made.history, now),
        "exported": _query(kept.made.wanted),
        "form": form,
        "filtered": any(request.GET.get(name) for name in form.fields),
        "open": track.takes(now),
        "private_percent": 100 - track.public_percent,
        "state": track.state(now),
        "next_event": track.next_event(now),
        "announcements": track.announcements.filter(withdrawn_at=None),
        "asked": track.participants.filter(user=request.user.pk).first() if track.needs_approval else None,
        "by_hand": "" if track.hides_truth else command_of(track),
        "runs": TrainingRun.objects.filter(release=track.release),
    }
    return render(request, "leaderboard/board.html", context)


def export_csv(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board as CSV; `?every` and `?late` as on the page."""
    found = _board(request, slug, version, task, split)
    response = HttpResponse(board_csv(found), content_type="text/csv; charset=utf-8")
    name = found.track.path.replace("/", "-")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def export_json(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board as JSON; `?every` and `?late` as on the page."""
    return JsonResponse(board_json(_board(request, slug, version, task, split)))


def export_tex(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board as a LaTeX table; `?every` and `?late` as on the page."""
    found = _board(request, slug, version, task, split)
    address = request.build_absolute_uri(found.track.get_absolute_url())
    return HttpResponse(board_tex(found, address), content_type="application/x-tex; charset=utf-8")


def export_bib(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board and the papers it names as BibTeX; `?every` and `?late` as on the page."""
    found = _board(request, slug, version, task, split)
    address = request.build_absolute_uri(found.track.get_absolute_url())
    return HttpResponse(board_bib(found, address), content_type="application/x-bibtex; charset=utf-8")


def export_sota(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board in the JSON that Papers with Code exchanged; `?every` and `?late` as on the page."""
    found = board_sota(_board(request, slug, version, task, split), request.build_absolute_uri)
    return JsonResponse(found, safe=False)


def _board(request: HttpRequest, slug: str, version: str, task: str, split: str) -> Board:
    wanted = Wanted(every="every" in request.GET, late="late" in request.GET, rows=None)
    return kept_board(find_track(slug, version, task, split), wanted).made


def _query(wanted: Wanted) -> str:
    """What an export is asked, so that it holds all rows of the board that a page is of."""
    words = [name for name in ("every", "late") if getattr(wanted, name)]
    return f"?{'&'.join(words)}" if words else ""
