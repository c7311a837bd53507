"""The public pages: the list of boards, a board, its exports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.timesince import timeuntil

from benchmark_site.leaderboard.boards.board import Board, Wanted
from benchmark_site.leaderboard.boards.citing import board_bib, board_sota, board_tex
from benchmark_site.leaderboard.boards.columns import columns_of
from benchmark_site.leaderboard.boards.drawing import draw_history
from benchmark_site.leaderboard.boards.export import board_csv, board_json
from benchmark_site.leaderboard.boards.forms import BoardForm
from benchmark_site.leaderboard.boards.kept import kept_board, kept_page
from benchmark_site.leaderboard.boards.version import Standing, standings
from benchmark_site.leaderboard.models import State, Track, TrainingRun
from benchmark_site.leaderboard.scoring.by_hand import command_of
from benchmark_site.strangers import alike


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
    now = timezone.now()
    standing = _standing(slug, version, task, split, now)

    def draw() -> tuple[HttpResponse, int]:
        context = _page(request, standing, now)
        return render(request, "leaderboard/board.html", context), context["cached_s"]

    return alike(request, (standing.version, _dated(standing.track, now)), draw)


def _page(request: HttpRequest, standing: Standing, now: datetime) -> dict[str, Any]:
    """What the page of a board is drawn from; `cached_s` seconds it may be kept."""
    track = standing.track
    form = BoardForm(request.GET, columns=columns_of(track), late_entries=track.late_entries)
    kept = kept_page(standing, form.wanted())
    board = kept.made.board
    return {
        "board": board,
        "key": kept.key,
        "cached_s": kept.seconds,
        "history": draw_history(board.history, now),
        "exported": _query(board.wanted),
        "form": form,
        "filtered": any(request.GET.get(name) for name in form.fields),
        "open": track.takes(now),
        "private_percent": 100 - track.public_percent,
        "state": track.state(now),
        "next_event": track.next_event(now),
        "announcements": kept.made.announcements,
        "asked": track.participants.filter(user=request.user.pk).first() if track.needs_approval else None,
        "by_hand": "" if track.hides_truth else command_of(track),
        "runs": TrainingRun.objects.filter(release=track.release),
    }


def _dated(track: Track, now: datetime) -> tuple[object, ...]:
    """What of a board's page changes by itself. Its history is drawn until now: hours are exact enough."""
    event = track.next_event(now)
    until = (event[0], timeuntil(event[1], now)) if event else None
    return track.state(now), track.takes(now), until, f"{now:%Y-%m-%d %H}"


def export_csv(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board as CSV; `?every` and `?late` as on the page."""

    def draw(found: Board) -> HttpResponse:
        response = HttpResponse(board_csv(found), content_type="text/csv; charset=utf-8")
        name = found.track.path.replace("/", "-")
        response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return response

    return _export(request, _standing(slug, version, task, split, timezone.now()), draw)


def export_json(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board as JSON; `?every` and `?late` as on the page."""
    standing = _standing(slug, version, task, split, timezone.now())
    return _export(request, standing, lambda found: JsonResponse(board_json(found)))


def export_tex(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board as a LaTeX table; `?every` and `?late` as on the page."""
    standing = _standing(slug, version, task, split, timezone.now())
    address = request.build_absolute_uri(standing.track.get_absolute_url())
    return _export(request, standing, lambda found: _text(board_tex(found, address), "application/x-tex"))


def export_bib(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board and the papers it names as BibTeX; `?every` and `?late` as on the page."""
    standing = _standing(slug, version, task, split, timezone.now())
    address = request.build_absolute_uri(standing.track.get_absolute_url())
    return _export(request, standing, lambda found: _text(board_bib(found, address), "application/x-bibtex"))


def export_sota(request: HttpRequest, slug: str, version: str, task: str, split: str) -> HttpResponse:
    """The board in the JSON that Papers with Code exchanged; `?every` and `?late` as on the page."""
    standing = _standing(slug, version, task, split, timezone.now())
    absolute = request.build_absolute_uri
    return _export(request, standing, lambda found: JsonResponse(board_sota(found, absolute), safe=False))


def _export(request: HttpRequest, standing: Standing, draw: Callable[[Board], HttpResponse]) -> HttpResponse:
    """All rows of a board, in the form that `draw` gives them."""

    def drawn() -> tuple[HttpResponse, int]:
        kept = kept_board(standing, Wanted(every="every" in request.GET, late="late" in request.GET, rows=None))
        return draw(kept.made), kept.seconds

    return alike(request, standing.version, drawn)


def _standing(slug: str, version: str, task: str, split: str, now: datetime) -> Standing:
    """The track of an address with the version of its board, or 404."""
    tracks = Track.objects.filter(release__slug=slug, release__version=version, task=task, split=split)
    found = standings(tracks, now)
    if not found:
        raise Http404(f"no board {slug}/{version}/{task}/{split}")
    return found[0]


def _text(content: str, kind: str) -> HttpResponse:
    return HttpResponse(content, content_type=f"{kind}; charset=utf-8")


def _query(wanted: Wanted) -> str:
    """What an export is asked, so that it holds all rows of the board that a page is of."""
    words = [name for name in ("every", "late") if getattr(wanted, name)]
    return f"?{'&'.join(words)}" if words else ""
