"""What stands before everything in the marketplace's frame: who may show it, which unit it is, who was let in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from csp.decorators import csp_replace
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_exempt

from annotation.crowd.client import TIME_ON_TASK
from annotation.crowd.launch import UNIT_SALT
from annotation.models import Batch, Clip, Hit, Segment, Worker
from annotation.review.arrival import answered_before, over_cap

PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
TOKEN_SALT = "annotation.task"  # noqa: S105 (a salt, no password)
GRACE = timedelta(hours=1)
OVER_UNFINISHED = "This task is over, and what you sent was not complete. Go back, mend it, and send it again."
Framed = TypeVar("Framed", bound=Callable[..., HttpResponse])


class Refused(Exception):
    """A form that is not taken; the message tells the worker why."""


def framed(view: Framed) -> Framed:
    """Let the crowd's sites, and nobody else, show what the view answers in a frame."""
    ours_and_theirs = ["'self'", *settings.CROWD_ORIGINS]
    policy = {
        "frame-ancestors": settings.CROWD_ORIGINS,
        "form-action": ours_and_theirs,
        "connect-src": ours_and_theirs,  # where this server is down, the page asks whether the marketplace is there
    }
    return xframe_options_exempt(csp_replace(policy)(view))


def refusal(request: HttpRequest, reason: str, status: int = 400) -> HttpResponse:
    """The reason, as a page of the frame."""
    return render(request, "annotation/refused.html", {"reason": reason}, status=status)


def find_hit(unit: str) -> Hit | None:
    """The HIT that the signed address names."""
    try:
        pk = signing.loads(unit, salt=UNIT_SALT)
    except signing.BadSignature:
        return None
    try:
        hit = Hit.objects.select_related("batch").get(pk=pk)
    except Hit.DoesNotExist:
        return None
    # What it asks about is looked for by itself: to plan one query over all of it took as long as the others together.
    if hit.segment_id is not None:
        hit.segment = Segment.objects.select_related("clip__video__split").get(pk=hit.segment_id)
    elif hit.clip_id is not None:
        hit.clip = Clip.objects.select_related("video__split").get(pk=hit.clip_id)
    return hit


def is_over(hit: Hit, *, preview: bool) -> bool:
    """Whether nobody may look at the task any more; while a batch is closing, those who have accepted still may.

    Over for everybody is what a release has hidden meanwhile.
    """
    if hit.shown_clip.hidden:
        return True
    closed = [Batch.State.CLOSED, Batch.State.CLOSING, Batch.State.PAUSED] if preview else [Batch.State.CLOSED]
    return hit.state in {Hit.State.DONE, Hit.State.EXPIRED} or hit.batch.state in closed


def blocked(hit: Hit, worker_id: str) -> str:
    """That this worker may send nothing, or nothing."""
    refused = Worker.objects.filter(environment=hit.batch.environment, worker_id=worker_id, blocked=True)
    return "You cannot work on these tasks. Please return this one." if refused.exists() else ""


def unwelcome(hit: Hit, worker_id: str) -> str:
    """Why this worker may not begin this task, or nothing. Who has begun may send: what comes is marked, and paid."""
    now = timezone.now()
    if problem := blocked(hit, worker_id):
        return problem
    if answered_before(hit, worker_id, now):
        return "You have answered this one before: it waits for somebody else. Please return it."
    if limit := over_cap(hit, worker_id, now):
        return f"You have done {limit}, as many as one person may. Please return this one."
    return ""


def read_ids(request: HttpRequest, hit: Hit) -> dict[str, Any]:
    """Who the page was served for: `assignment`, `worker`, `submit_to`. Raises Refused."""
    try:
        ids = signing.loads(request.POST.get("token", ""), salt=TOKEN_SALT, max_age=TIME_ON_TASK + GRACE)
    except signing.SignatureExpired as error:
        raise Refused("The time for this task is over.") from error
    except signing.BadSignature as error:
        raise Refused("A preview cannot be submitted: accept the task first.") from error
    if ids["hit"] != hit.pk:
        raise Refused("This form belongs to another task.")
    return ids


def is_id(text: str) -> bool:
    """Whether this may be an id of the marketplace's: visible, and not longer than the database keeps."""
    return re.fullmatch(r"[!-~]{1,64}", text) is not None


def is_of_the_crowd(url: str) -> bool:
    """Whether answers may be sent there: to one of the marketplaces that the settings name."""
    try:
        parts = urlsplit(url)
    except ValueError:  # as of “https://[”
        return False
    return f"{parts.scheme}://{parts.netloc}" in settings.CROWD_ORIGINS
