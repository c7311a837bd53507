"""The task's frame: where its page comes from and what the browser lets it do.

A requester's page never runs on this site's origin. An ExternalQuestion is on an origin of its own and keeps it; an
HTMLQuestion comes from here under `Content-Security-Policy: sandbox` without `allow-same-origin`, so its origin is
opaque. Neither can read this site, move it without a click, or see its cookies.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from urllib.parse import urlencode

from csp.decorators import csp_replace
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from annotation.marketplace.models import Assignment, Block, Hit, Worker
from annotation.marketplace.questions.form import QuestionForm
from annotation.marketplace.questions.question import (
    NO_ASSIGNMENT,
    ExternalQuestion,
    HtmlQuestion,
    parse_question,
    task_url,
)
from annotation.marketplace.work import qualify
from annotation.marketplace.work.qualify import Holdings
from annotation.marketplace.worker_site.authentication import worker_page

# The link "next" in the answer page leaves the frame when a person clicks it; nothing else may.
SANDBOX = "allow-scripts allow-forms allow-popups allow-modals allow-top-navigation-by-user-activation"


@dataclass(frozen=True)
class Frame:
    """What a template needs to show a task; `form` stands instead of an address where we draw the questions."""

    url: str = ""
    sandbox: str = SANDBOX
    height: int = 0
    form: QuestionForm | None = None


def preview_frame(hit: Hit) -> Frame:
    return _frame(hit, NO_ASSIGNMENT, None)


def assignment_frame(assignment: Assignment, worker: Worker) -> Frame:
    return _frame(assignment.hit, assignment.public_id, worker.public_id)


def _frame(hit: Hit, assignment_id: str, worker_id: str | None) -> Frame:
    question = parse_question(hit.question)
    if isinstance(question, ExternalQuestion):
        url = task_url(question.url, hit.public_id, assignment_id, worker_id)
        return Frame(url, f"{SANDBOX} allow-same-origin", question.frame_height)
    if isinstance(question, HtmlQuestion):
        parameters = {"assignmentId": assignment_id, "hitId": hit.public_id}
        if worker_id is not None:
            parameters |= {"workerId": worker_id, "turkSubmitTo": settings.MARKETPLACE_URL}
        address = reverse("html-question", args=[hit.public_id])
        return Frame(f"{address}?{urlencode(parameters)}", SANDBOX, question.frame_height)
    return Frame(form=question)


@require_safe
@xframe_options_exempt
@csp_replace(
    {
        "sandbox": SANDBOX.split(),
        "default-src": ["https:", "data:", "blob:", "'unsafe-inline'", "'unsafe-eval'"],
        "script-src": None, "style-src": None, "img-src": None, "font-src": None, "connect-src": None,
        "frame-src": None,
        "form-action": [settings.MARKETPLACE_URL],
        "frame-ancestors": ["'self'"],
    }
)  # fmt: skip
@worker_page
def html_question(request: HttpRequest, worker: Worker, now: dt.datetime, hit_id: str) -> HttpResponse:
    """A requester's HTML, for a worker who may preview this HIT or works on it."""
    hit = get_object_or_404(Hit.objects.select_related("hit_type"), public_id=hit_id, disposed_at=None)
    working = Assignment.objects.filter(hit=hit, worker=worker, status=Assignment.Status.ACCEPTED).exists()
    blocked = Block.objects.filter(requester=hit.requester_id, worker=worker).exists()
    may_preview = not blocked and qualify.access(hit.hit_type.requirements, Holdings.of(worker)).preview
    question = parse_question(hit.question)
    if not (working or may_preview) or not isinstance(question, HtmlQuestion):
        raise Http404("No such task")
    return HttpResponse(question.html)
