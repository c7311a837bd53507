"""The task inside the marketplace's frame (ExternalQuestion): no cookie, no session, one signed token.

The token proves that this page was served for these ids, not who the worker is: only what the marketplace's own API
returns is ever paid or used.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from urllib.parse import urlsplit

from csp.decorators import csp_replace
from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt

from annotation.clips import clip_url
from annotation.crowd import TIME_ON_TASK
from annotation.forms import TASK_FORMS, TaskForm
from annotation.hits import UNIT_SALT, WORDING
from annotation.models import Hit, Receipt
from annotation.models.crowd import Kind

PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
TOKEN_SALT = "annotation.task"  # noqa: S105 (a salt, no password)
GRACE = timedelta(hours=1)


@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(xframe_options_exempt, name="dispatch")
@method_decorator(
    csp_replace({"frame-ancestors": settings.CROWD_ORIGINS, "form-action": ["'self'", *settings.CROWD_ORIGINS]}),
    name="dispatch",
)
class TaskFrame(View):
    """GET shows the task (a preview without an assignment), POST checks the answer and hands it to the marketplace."""

    def get(self, request: HttpRequest, unit: str) -> HttpResponse:
        hit = _hit(unit)
        ids = {
            "hit": hit.pk,
            "assignment": request.GET.get("assignmentId", PREVIEW),
            "worker": request.GET.get("workerId", ""),
            "submit_to": request.GET.get("turkSubmitTo", "").rstrip("/"),
        }
        if ids["assignment"] == PREVIEW:
            return self._page(request, hit, TASK_FORMS[hit.batch.kind](hit=hit), token="")
        if not ids["worker"] or _origin(str(ids["submit_to"])) not in settings.CROWD_ORIGINS:
            return self._refusal(request, "This page must be opened from the marketplace's task frame.")
        token = signing.dumps(ids, salt=TOKEN_SALT)
        return self._page(request, hit, TASK_FORMS[hit.batch.kind](hit=hit), token=token)

    def post(self, request: HttpRequest, unit: str) -> HttpResponse:
        hit = _hit(unit)
        try:
            ids = signing.loads(request.POST.get("token", ""), salt=TOKEN_SALT, max_age=TIME_ON_TASK + GRACE)
        except signing.SignatureExpired:
            return self._refusal(request, "The time for this task is over.")
        except signing.BadSignature:
            return self._refusal(request, "A preview cannot be submitted: accept the task first.")
        if ids["hit"] != hit.pk:
            return self._refusal(request, "This form belongs to another task.")
        form = TASK_FORMS[hit.batch.kind](request.POST, hit=hit)
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

    def _page(self, request: HttpRequest, hit: Hit, form: TaskForm, *, token: str, status: int = 200) -> HttpResponse:
        clip = hit.shown_clip
        title, _ = WORDING[Kind(hit.batch.kind)]
        context = {
            "hit": hit,
            "clip": clip,
            "clip_url": clip_url(clip),
            "subtitles": [] if hit.narration_hidden else clip.subtitles(),
            "form": form,
            "token": token,
            "title": title,
        }
        return render(request, "annotation/task.html", context, status=status)

    def _refusal(self, request: HttpRequest, reason: str) -> HttpResponse:
        return render(request, "annotation/refused.html", {"reason": reason}, status=400)


def _hit(unit: str) -> Hit:
    try:
        pk = signing.loads(unit, salt=UNIT_SALT)
    except signing.BadSignature as error:
        raise Http404("no such task") from error
    hit = Hit.objects.select_related("batch", "clip__video", "segment__clip__video").filter(pk=pk).first()
    if hit is None:
        raise Http404("no such task")
    return hit


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
