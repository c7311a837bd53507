"""Drafts: what a worker has set and written so far, kept on the server a version at a time.

A page says which version it started from. Where another tab has saved since, it is told and given that draft: the
worker says which of the two stays.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from annotation.crowd.client import TIME_ON_TASK
from annotation.models import Draft
from annotation.pages.task import frame
from annotation.pages.task.task_page import first_receipt
from annotation.review.answer_forms import ANSWER_FORMS
from annotation.review.conduct import read_conduct
from annotation.review.text.text_rules import MAX_TEXT

MOST_VERSIONS = 1_000_000  # of a draft: one each 0.7 s, for longer than a week
MOST_DRAFTS = 100  # of a unit, within the time for it: ids are a browser's word


@csrf_exempt
@require_POST
def save_draft(request: HttpRequest, unit: str) -> JsonResponse:
    """Keep the fields: 200 with the new version, 409 with the draft that another tab saved, 410 once answered.

    429 where more drafts of this unit are kept than people can be at it. 403 where the token is not this task's, 400
    where the fields are not.
    """
    hit = frame.find_hit(unit)
    if hit is None:
        return JsonResponse({"error": "There is no such task."}, status=404)
    try:
        ids = frame.read_ids(request, hit)
        known = ANSWER_FORMS[hit.batch.kind](hit=hit).fields
        fields = _read_fields(request.POST.get("fields", ""), set(known))
        base = _read_version(request.POST.get("version", ""))
    except frame.Refused as error:
        return JsonResponse({"error": str(error)}, status=403)
    except ValueError as error:
        return JsonResponse({"error": f"not a draft: {error}"}, status=400)
    if first_receipt(hit, ids):
        return JsonResponse({"error": "An answer to this task was received already."}, status=410)
    with transaction.atomic():
        key: dict[str, Any] = {"hit": hit, "assignment_id": ids["assignment"], "worker_id": ids["worker"]}
        draft = Draft.objects.select_for_update().filter(**key).first()
        if draft is None:
            hit.drafts.filter(saved_at__lt=timezone.now() - TIME_ON_TASK).delete()
            if hit.drafts.count() >= MOST_DRAFTS:
                return JsonResponse({"error": "Too many people are at this task: nothing is kept."}, status=429)
            draft, _ = Draft.objects.get_or_create(
                **key, defaults={"version": base}
            )  # gone: the page goes on from there
        if draft.version == base + 1 and draft.fields == fields:  # the page never heard that this was saved
            return JsonResponse({"version": draft.version})
        if draft.version != base:
            return JsonResponse({"version": draft.version, "fields": draft.fields}, status=409)
        draft.fields, draft.version = fields, draft.version + 1
        draft.conduct = read_conduct(request.POST.get("conduct", ""))
        draft.save()
    return JsonResponse({"version": draft.version})


def _read_version(raw: str) -> int:
    """Raises ValueError where the database keeps no such number, and another one after it."""
    version = int(raw)
    if not 0 <= version < MOST_VERSIONS:
        raise ValueError(f"a version is a number from 0 to {MOST_VERSIONS}")
    return version


def _read_fields(raw: str, known: set[str]) -> dict[str, str]:
    """Raises ValueError where this is not an object of the form's texts."""
    try:
        data = json.loads(raw)
    except RecursionError as error:
        raise ValueError("a draft is not nested") from error
    if not isinstance(data, dict) or not data.keys() <= known:
        raise ValueError("a draft holds the fields of its form")
    if not all(isinstance(text, str) and len(text) <= 2 * MAX_TEXT for text in data.values()):
        raise ValueError(f"a draft holds texts of up to {2 * MAX_TEXT} characters")
    return {name: _storable(text) for name, text in data.items()}


def _storable(text: str) -> str:
    """Without what the database does not hold: NUL, and the half of an emoji that was cut in two."""
    return text.replace("\0", "").encode(errors="ignore").decode()
