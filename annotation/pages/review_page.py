"""Review: one answer at a time, by keyboard, with what speaks for and against it; verdicts, bulk and undo."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from annotation.crowd.client import AUTO_APPROVAL
from annotation.media.clip_files import Part, clip_url
from annotation.models import Assignment, Batch, BlindCheck, Hit, Worker
from annotation.pages.forms import BonusForm, whole
from annotation.review import arrival, quality_flags, verdicts
from annotation.review.answer_forms import ANSWER_FORMS, BROKEN
from annotation.review.conduct import played_share

UPCOMING = 3
TOLD_BEFORE = timedelta(minutes=2)  # a sweep or two
NEIGHBOURS = 12
REASONS = [
    "The clip was hardly watched.",
    "It does not describe this moment.",
    "It repeats what is said or another answer.",
    "It is no English sentence about the clip.",
]
PLACES = (
    "worker",
    "hit__batch",
    "hit__clip__video",
    "hit__segment__clip__video",
    "hit__question",
    "hit__doubt",
    "proposed_by",
)


@require_GET
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """The next answer of a batch that waits; `?after=` skips those up to a primary key.

    `?before=` is an answer whose verdict stays: what is offered to be taken back was said before it.
    """
    batch = get_object_or_404(Batch, pk=pk)
    after = request.GET.get("after", "0")
    waiting = verdicts.waiting(pk).select_related(*PLACES).prefetch_related("hit__question__answers")
    rows = list(waiting.filter(pk__gt=whole(after))[: UPCOMING + 1])
    clean = list(verdicts.clean(pk).values_list("pk", flat=True)[: verdicts.BULK])
    before = whole(request.GET.get("before", ""))
    last = verdicts.undoable(pk, _user(request), before).first()
    context = {
        "batch": batch,
        "waiting": min(number := verdicts.waiting(pk)[: verdicts.COUNTED + 1].count(), verdicts.COUNTED),
        "more": number > verdicts.COUNTED,
        "clean": {"count": len(clean), "last": max(clean, default=0), "all": len(clean) < verdicts.BULK},
        "last": last,
        "proposed": verdicts.proposed_since(pk, _user(request), last),
        "before": before,
        "now": timezone.now(),
        "undo_until": last.tell_at if last else None,
        "reasons": REASONS,
        "upcoming": [_thumbnail(row) for row in rows[1:]],
        **(_shown(rows[0]) if rows else {}),
    }
    return render(request, "annotation/review.html", context)


@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """One verdict; the page goes on to the next answer."""
    assignment = get_object_or_404(Assignment.objects.select_related("hit"), pk=pk)
    try:
        verdict = verdicts.Verdict(request.POST.get("verdict", ""))
        reason = (request.POST.get("feedback", "").strip() or request.POST.get("reason", "")).replace("\0", "").strip()
        row = verdicts.decide(pk, verdict, _user(request), reason, tell_at=_tell_at(assignment))
        if row.state == Assignment.State.SUBMITTED:
            messages.info(request, "Proposed: so much of this batch is rejected that a second person has to agree.")
    except ValueError:
        messages.error(request, "Choose use, pay, reject or again.")
    except verdicts.ReviewError as error:
        messages.error(request, f"Not decided: {error}.")
    return _next(assignment.hit.batch_id, after=request.POST.get("after", ""))


@require_POST
def use_clean(request: HttpRequest, pk: int) -> HttpResponse:
    """Use every clean answer up to the last that the page counted."""
    try:
        count = verdicts.use_clean(pk, whole(request.POST.get("up_to", "")), _user(request))
        if not count:  # there may be no such batch: not asked at each press
            get_object_or_404(Batch, pk=pk)
        messages.success(request, f"{count} answers used. Z takes all of them back.")
    except verdicts.ReviewError as error:  # somebody else is at it
        messages.error(request, f"Nothing is decided: {error}.")
    return _next(pk)


@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the person's last verdict back and show its answer again; where it stays, the one before is offered."""
    try:
        rows, stay = verdicts.undo(pk, _user(request), whole(request.POST.get("before", "")))
    except verdicts.StaysError as error:
        messages.error(request, f"Not taken back: {error}. Z takes back what you said before it.")
        return _next(pk, before=str(error.assignment_id))
    except verdicts.ReviewError as error:
        messages.error(request, f"Not taken back: {error}.")
        return _next(pk)
    messages.success(request, f"Taken back: {len(rows)} wait{'s' if len(rows) == 1 else ''} again.")
    if stay:
        messages.warning(request, f"{len(stay)} of those that you decided together stay, the first because {stay[0]}.")
    return _next(pk, after=str(min(row.pk for row in rows) - 1), before=request.POST.get("before", ""))


def _next(batch_id: int, **skipped: str) -> HttpResponse:
    """Back to the page; `after` and `before` are primary keys of answers, as `review` reads them."""
    known = {name: number for name, text in skipped.items() if (number := whole(text))}
    address = reverse("batch-review", args=[batch_id])
    return redirect(f"{address}?{urlencode(known)}" if known else address)


def _tell_at(assignment: Assignment) -> datetime:
    """When the marketplace is told: after the time for undo, yet before it approves by itself (unless it has)."""
    now, clock = timezone.now(), assignment.submitted_at + AUTO_APPROVAL - TOLD_BEFORE
    return min(now + verdicts.UNDO_FOR, clock) if clock > now else now + verdicts.UNDO_FOR


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # the table of access lets nobody else come here
    return request.user


def _shown(assignment: Assignment) -> dict[str, Any]:
    """Everything about one answer: how it is played, what it says, its evidence, its neighbours, its worker."""
    hit, clip, payload = assignment.hit, assignment.hit.shown_clip, assignment.payload or {}
    start, end = quality_flags.to_watch(hit)
    receipts = arrival.receipts_of(assignment)
    conduct = receipts[0].conduct if receipts else None
    moment = {"start": payload["start"], "end": payload["end"]} if "start" in payload else hit.segment
    return {
        "assignment": assignment,
        "hit": {"segment": moment, "batch": hit.batch, "narration_hidden": hit.narration_hidden},
        "clip": clip,
        "clip_url": clip_url(clip),
        "poster_url": clip_url(clip, Part.POSTER) if clip.poster else "",
        "strip_url": clip_url(clip, Part.STRIP) if clip.strip else "",
        "waveform_url": clip_url(clip, Part.WAVEFORM) if clip.waveform else "",
        "fps": clip.video.fps or 25.0,
        "subtitles": clip.subtitles(),
        "says": ANSWER_FORMS[hit.batch.kind].in_words(payload, hit),
        "played": None if conduct is None else round(100 * played_share(conduct, start, end)),
        "conduct": conduct,
        "written": ANSWER_FORMS[hit.batch.kind].written(payload) if payload and BROKEN not in payload else 0,
        "others": [ANSWER_FORMS[hit.batch.kind].in_words(row.payload, hit) for row in receipts[1:]],
        "asked": hit.question,
        "options": hit.question.answers.all() if hit.question else [],
        "neighbours": _neighbours(assignment),
        "worker": _record(assignment.worker),
        "history": assignment.history.select_related("user"),
        "bonuses": assignment.bonuses.all(),
        "bonus_form": BonusForm(auto_id="bonus_%s"),
        "blind_check": BlindCheck.objects.filter(assignment=assignment).first() if hit.batch.blind_bonus else None,
        "may_ask_again": verdicts.may_ask_again(hit),
        "paid_at": assignment.submitted_at + AUTO_APPROVAL,
        "doubts": quality_flags.of_worker(assignment.worker),
    }


def _neighbours(assignment: Assignment) -> list[dict[str, Any]]:
    """Other valid answers of the same kind about the same clip."""
    hit, kind = assignment.hit, assignment.hit.batch.kind
    if hit.question is not None:
        units = Hit.objects.filter(question=hit.question)
    elif hit.segment is not None:
        units = Hit.objects.filter(segment__clip=hit.segment.clip_id)
    else:
        units = Hit.objects.filter(clip=hit.clip)
    rows = Assignment.objects.filter(hit__in=units, batch__kind=kind, payload__isnull=False).exclude(pk=assignment.pk)
    found = []
    rows = rows.select_related("worker", "hit__segment", "hit__doubt").prefetch_related("hit__question__answers")
    for row in rows[:NEIGHBOURS]:
        payload, segment = row.payload or {}, row.hit.segment
        start = payload.get("start", segment.start if segment else None)
        end = payload.get("end", segment.end if segment else None)
        text = payload.get("query") or payload.get("question") or payload.get(BROKEN) or ""
        if "choice" in payload:
            text = str(ANSWER_FORMS[kind].in_words(payload, row.hit)[0][1])
        found.append({"start": start, "end": end, "text": text, "worker": row.worker, "state": row.get_state_display()})
    return found


def _record(worker: Worker) -> dict[str, int]:
    """What became of the worker's answers so far."""
    states = Assignment.State
    return worker.assignments.aggregate(
        answers=Count("pk"),
        used=Count("pk", filter=Q(used=True)),
        rejected=Count("pk", filter=Q(state__in=[states.REJECTING, states.REJECTED])),
        flagged=Count("pk", filter=~Q(evidence=[])),
    )


def _thumbnail(row: Assignment) -> dict[str, Any]:
    clip = row.hit.shown_clip
    return {"pk": row.pk, "name": clip.name, "poster_url": clip_url(clip, Part.POSTER) if clip.poster else ""}
