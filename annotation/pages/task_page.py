"""The task inside the marketplace's frame (ExternalQuestion): no cookie, no session, one signed token.

The token proves that this page was served for these ids, not who the worker is: only what the marketplace's own API
returns is ever paid or used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from csp.decorators import csp_replace
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt

from annotation.crowd.client import TIME_ON_TASK
from annotation.crowd.collect import over_cap
from annotation.crowd.launch import UNIT_SALT, WORDING
from annotation.media.clip_files import Part, clip_url
from annotation.models import Batch, Hit, Receipt, Worker
from annotation.models.crowd import Kind
from annotation.review.answer_forms import ANSWER_FORMS, AnswerForm

PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
TOKEN_SALT = "annotation.task"  # noqa: S105 (a salt, no password)
GRACE = timedelta(hours=1)
Framed = TypeVar("Framed", bound=Callable[..., HttpResponse])


def framed(view: Framed) -> Framed:
    """Let the crowd's sites, and nobody else, show what the view answers in a frame."""
    policy = {"frame-ancestors": settings.CROWD_ORIGINS, "form-action": ["'self'", *settings.CROWD_ORIGINS]}
    return xframe_options_exempt(csp_replace(policy)(view))


@framed
def task_failed(request: HttpRequest) -> HttpResponse:
    """Status 500 as the frame may show it."""
    return _refusal(request, "Something went wrong on our side. Reload the page in a moment.", status=500)


@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(framed, name="dispatch")
class TaskPage(View):
    """GET shows the task (a preview without an assignment), POST checks the answer and hands it to the marketplace.

    Addresses of tasks stay with the workers who saw them, so a task that is over is not shown any more: its clip,
    times and texts may lie in a hidden split by then. An answer that is on its way is taken all the same.
    """

    def dispatch(self, request: HttpRequest, *args: Any, unit: str) -> HttpResponseBase:
        hit = _find_hit(unit)
        if hit is None:
            return _refusal(request, "There is no such task.", status=404)
        return super().dispatch(request, *args, hit=hit)

    def get(self, request: HttpRequest, hit: Hit) -> HttpResponse:
        ids = {
            "hit": hit.pk,
            "assignment": request.GET.get("assignmentId", PREVIEW),
            "worker": request.GET.get("workerId", ""),
            "submit_to": request.GET.get("turkSubmitTo", "").rstrip("/"),
        }
        if _is_over(hit, preview=ids["assignment"] == PREVIEW):
            return _refusal(request, "This task is over. Please take another one.", status=410)
        if ids["assignment"] == PREVIEW:
            return self._page(request, hit, ANSWER_FORMS[hit.batch.kind](hit=hit), token="")
        if not ids["worker"] or _origin(str(ids["submit_to"])) not in settings.CROWD_ORIGINS:
            return _refusal(request, "This page must be opened from the marketplace's task frame.")
        if problem := _unwelcome(hit, str(ids["worker"])):
            return _refusal(request, problem, status=403)
        token = signing.dumps(ids, salt=TOKEN_SALT)
        return self._page(request, hit, ANSWER_FORMS[hit.batch.kind](hit=hit), token=token)

    def post(self, request: HttpRequest, hit: Hit) -> HttpResponse:
        try:
            ids = signing.loads(request.POST.get("token", ""), salt=TOKEN_SALT, max_age=TIME_ON_TASK + GRACE)
        except signing.SignatureExpired:
            return _refusal(request, "The time for this task is over.")
        except signing.BadSignature:
            return _refusal(request, "A preview cannot be submitted: accept the task first.")
        if ids["hit"] != hit.pk:
            return _refusal(request, "This form belongs to another task.")
        if problem := _unwelcome(hit, ids["worker"]):
            return _refusal(request, problem, status=403)
        form = ANSWER_FORMS[hit.batch.kind](request.POST, hit=hit)
        if not form.is_valid():
            return self._page(request, hit, form, token=request.POST["token"], status=422)
        answer = json.dumps(form.payload(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        receipt, _ = Receipt.objects.get_or_create(
            assignment_id=ids["assignment"],
            worker_id=ids["worker"],
            sha256=hashlib.sha256(answer.encode()).hexdigest(),
            defaults={"hit": hit, "payload": form.payload()},
        )
        # The marketplace gets the full answer, so that either side alone can rebuild it.
        context = {"ids": ids, "answer": answer, "receipt": receipt}
        return render(request, "annotation/submit.html", context)

    def _page(self, request: HttpRequest, hit: Hit, form: AnswerForm, *, token: str, status: int = 200) -> HttpResponse:
        clip = hit.shown_clip
        title, _ = WORDING[Kind(hit.batch.kind)]
        context = {
            "hit": hit,
            "clip": clip,
            # Without narration the file itself is silent: what a page only mutes, a worker unmutes.
            "clip_url": clip_url(clip, Part.SILENT if hit.narration_hidden else Part.FILE),
            "poster_url": clip_url(clip, Part.POSTER) if clip.poster else "",
            "subtitles": [] if hit.narration_hidden else clip.subtitles(),
            "form": form,
            "token": token,
            "title": title,
        }
        return render(request, "annotation/task.html", context, status=status)


def _refusal(request: HttpRequest, reason: str, status: int = 400) -> HttpResponse:
    return render(request, "annotation/refused.html", {"reason": reason}, status=status)


def _unwelcome(hit: Hit, worker_id: str) -> str:
    """Why this worker may not do this task, or nothing."""
    worker = Worker.objects.filter(environment=hit.batch.environment, worker_id=worker_id).first()
    if worker is None:
        return ""
    if worker.blocked:
        return "You cannot work on these tasks. Please return this one."
    if over_cap(hit, worker_id):
        return (
            f"You have done {hit.batch.per_worker} of these tasks, as many as one person may. Please return this one."
        )
    return ""


def _is_over(hit: Hit, *, preview: bool) -> bool:
    """Whether nobody may look at the task any more; while a batch is closing, those who have accepted still may.

    Over for everybody is what a sealed release has hidden meanwhile (`sealed` is the release's mark on the clip).
    """
    if hasattr(hit.shown_clip, "sealed"):
        return True
    closed = [Batch.State.CLOSED, Batch.State.CLOSING, Batch.State.PAUSED] if preview else [Batch.State.CLOSED]
    return hit.state in {Hit.State.DONE, Hit.State.EXPIRED} or hit.batch.state in closed


def _find_hit(unit: str) -> Hit | None:
    try:
        pk = signing.loads(unit, salt=UNIT_SALT)
    except signing.BadSignature:
        return None
    places = ("clip__video", "clip__sealed", "segment__clip__video", "segment__clip__sealed")
    return Hit.objects.select_related("batch", *places).filter(pk=pk).first()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
