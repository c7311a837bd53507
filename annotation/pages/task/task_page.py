"""The task inside the marketplace's frame (ExternalQuestion): no cookie, no session, one signed token.

The token proves that this page was served for these ids, not who the worker is: only what the marketplace's own API
returns is ever paid or used.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from annotation.crowd.launch import WORDING
from annotation.media.clip_files import Part, clip_url
from annotation.models import Assignment, Draft, Hit, Receipt
from annotation.models.crowd import MARKING, Kind
from annotation.pages.task import frame
from annotation.review.answer_forms import ANSWER_FORMS, FAULTS, AnswerForm
from annotation.review.conduct import read_conduct
from annotation.review.text import text_rules

USUAL_FPS = 25.0  # of a film whose rate is not known
MOST_ANSWERS = 5  # to one assignment that are kept
MOST_RECEIPTS = 200  # of a unit: ids are a browser's word, and nine people at most are asked
TOO_MANY_ANSWERS = (
    f"{MOST_ANSWERS} different answers to this task were received already. The first one counts: reload the page to "
    "send it on."
)


@frame.framed
def task_failed(request: HttpRequest) -> HttpResponse:
    """Status 500 as the frame may show it."""
    return frame.refusal(request, "Something went wrong on our side. Reload the page in a moment.", status=500)


@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(frame.framed, name="dispatch")
class TaskPage(View):
    """GET shows the task (a preview without an assignment), POST checks the answer and hands it to the marketplace.

    Addresses of tasks stay with the workers who saw them, so a task that is over is not shown any more: its clip,
    times and texts may lie in a hidden split by then. An answer that is on its way is taken all the same. The first
    answer to an assignment is the one that counts; GET offers it again until the marketplace has it.
    """

    def dispatch(self, request: HttpRequest, *args: Any, unit: str) -> HttpResponseBase:
        hit = frame.find_hit(unit)
        if hit is None:
            return frame.refusal(request, "There is no such task.", status=404)
        self.unit = unit
        return super().dispatch(request, *args, hit=hit)

    def get(self, request: HttpRequest, hit: Hit) -> HttpResponse:
        ids = {
            "hit": hit.pk,
            "assignment": request.GET.get("assignmentId", frame.PREVIEW),
            "worker": request.GET.get("workerId", ""),
            "submit_to": request.GET.get("turkSubmitTo", "").rstrip("/"),
        }
        preview = ids["assignment"] == frame.PREVIEW
        if not preview:
            known = frame.is_id(str(ids["worker"])) and frame.is_id(str(ids["assignment"]))
            if not known or not frame.is_of_the_crowd(str(ids["submit_to"])):
                return frame.refusal(request, "This page must be opened from the marketplace's task frame.")
            if received := first_receipt(hit, ids):  # work that was done is paid, whatever has ended since
                return _hand_on(request, ids, received, again=True)
        if frame.is_over(hit, preview=preview):
            return frame.refusal(request, "This task is over. Please take another one.", status=410)
        if preview:
            return self._page(request, hit, ANSWER_FORMS[hit.batch.kind](hit=hit), token="")
        if problem := frame.unwelcome(hit, str(ids["worker"])):
            return frame.refusal(request, problem, status=403)
        token = signing.dumps(ids, salt=frame.TOKEN_SALT)
        draft = Draft.objects.filter(hit=hit, assignment_id=ids["assignment"], worker_id=ids["worker"]).first()
        form = ANSWER_FORMS[hit.batch.kind](hit=hit, initial=draft.fields if draft else None)
        return self._page(request, hit, form, token=token, ids=ids, draft=draft)

    def post(self, request: HttpRequest, hit: Hit) -> HttpResponse:
        try:
            ids = frame.read_ids(request, hit)
        except frame.Refused as error:
            return frame.refusal(request, str(error))
        if problem := frame.blocked(hit, ids["worker"]):
            return frame.refusal(request, problem, status=403)
        form = ANSWER_FORMS[hit.batch.kind](request.POST, hit=hit)
        if not form.is_valid():
            if hit.shown_clip.hidden:
                return frame.refusal(request, frame.OVER_UNFINISHED, status=410)
            draft = Draft.objects.filter(hit=hit, assignment_id=ids["assignment"], worker_id=ids["worker"]).first()
            return self._page(request, hit, form, token=request.POST["token"], ids=ids, draft=draft, status=422)
        sha256 = hashlib.sha256(_as_text(form.payload()).encode()).hexdigest()
        of_unit = list(hit.receipts.values_list("assignment_id", "worker_id", "sha256"))
        sent = {content for *whose, content in of_unit if whose == [ids["assignment"], ids["worker"]]}
        if len({sha256, *sent}) > MOST_ANSWERS:
            return frame.refusal(request, TOO_MANY_ANSWERS, status=409)
        receipt = Receipt(
            hit=hit, assignment_id=ids["assignment"], worker_id=ids["worker"], sha256=sha256, payload=form.payload()
        )
        if not sent and len(of_unit) >= MOST_RECEIPTS:
            return _hand_on(request, ids, receipt)  # to the marketplace, kept there
        receipt.conduct = read_conduct(request.POST.get("conduct", ""))
        receipt = _kept(receipt, known=sha256 in sent)
        first = first_receipt(hit, ids)
        if first is not None and first != receipt:
            return _hand_on(request, ids, first, other=receipt, status=409)
        return _hand_on(request, ids, receipt)

    def _page(
        self,
        request: HttpRequest,
        hit: Hit,
        form: AnswerForm,
        *,
        token: str,
        ids: dict[str, Any] | None = None,
        draft: Draft | None = None,
        status: int = 200,
    ) -> HttpResponse:
        clip = hit.shown_clip
        title, _ = WORDING[Kind(hit.batch.kind)]
        context = {
            "hit": hit,
            "marks": hit.batch.kind in MARKING,
            "writes": hit.batch.kind not in {Kind.SEGMENT, Kind.VALIDATE},
            "unit": self.unit,
            "clip": clip,
            # Without narration the file itself is silent: what a page only mutes, a worker unmutes.
            "clip_url": clip_url(clip, Part.SILENT if hit.narration_hidden else Part.FILE),
            "poster_url": clip_url(clip, Part.POSTER) if clip.poster else "",
            "strip_url": clip_url(clip, Part.STRIP) if clip.strip else "",
            "waveform_url": clip_url(clip, Part.WAVEFORM) if clip.waveform and not hit.narration_hidden else "",
            "fps": clip.video.fps or USUAL_FPS,
            "subtitles": [] if hit.narration_hidden else clip.subtitles(),
            "form": form,
            "faults": FAULTS,
            "token": token,
            "ids": ids,
            "blind": bool(token) and hit.batch.kind == Kind.QA and settings.BLIND_IN_THE_LOOP,
            "draft": draft,
            "title": title,
            "rules": {**text_rules.RULES, "conduct": draft.conduct if draft else None},
        }
        return render(request, "annotation/task.html", context, status=status)


def _kept(receipt: Receipt, *, known: bool) -> Receipt:
    """The receipt as it is kept: where the same content was sent before, or at this very moment, that one."""
    if not known:
        with suppress(IntegrityError):  # a page has no transaction around it that this would break
            receipt.save(force_insert=True)
            return receipt
    key = {"hit": receipt.hit, "assignment_id": receipt.assignment_id, "worker_id": receipt.worker_id}
    kept = Receipt.objects.get(**key, sha256=receipt.sha256)
    kept.hit = receipt.hit
    return kept


def first_receipt(hit: Hit, ids: dict[str, Any]) -> Receipt | None:
    """The answer that counts: the first that was received from this worker for this assignment."""
    of_worker = Receipt.objects.filter(hit=hit, assignment_id=ids["assignment"], worker_id=ids["worker"])
    if (first := of_worker.order_by("pk").first()) is not None:
        first.hit = hit
    return first


def _hand_on(
    request: HttpRequest,
    ids: dict[str, Any],
    receipt: Receipt,
    *,
    again: bool = False,
    other: Receipt | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page that sends a received answer on, in full, so that either side alone can rebuild it."""
    arrived = Assignment.objects.filter(
        assignment_id=receipt.assignment_id, worker__worker_id=receipt.worker_id, hit=receipt.hit
    ).exists()
    context = {
        "ids": ids,
        "answer": _as_text(receipt.payload),
        "says": ANSWER_FORMS[receipt.hit.batch.kind].in_words(receipt.payload, receipt.hit),
        "receipt": receipt,
        "again": again,
        "other": other,
        "arrived": arrived,
    }
    return render(request, "annotation/submit.html", context, status=status)


def _as_text(payload: dict[str, Any]) -> str:
    return json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
