"""Whether what a worker writes can be guessed without the film: asked by the page, answered at once or not at all."""

from __future__ import annotations

import logging

import redis
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError

from annotation.models.crowd import Kind
from annotation.pages.task import frame
from annotation.review import blind_check
from annotation.review.text.text_hints import OPTIONS
from annotation.review.text.text_rules import MAX_TEXT, normalise

log = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def check(request: HttpRequest, unit: str) -> JsonResponse:
    """200 with the verdict, 202 while there is none yet; 404 where it is off or not a question's task; 403, 400."""
    hit = frame.find_hit(unit)
    if hit is None:
        return JsonResponse({"error": "There is no such task."}, status=404)
    try:
        frame.read_ids(request, hit)
    except frame.Refused as error:
        return JsonResponse({"error": str(error)}, status=403)
    if hit.batch.kind != Kind.QA or not settings.BLIND_IN_THE_LOOP:
        return JsonResponse({"error": "Questions are not checked here."}, status=404)
    texts = {name: normalise(request.POST.get(name, "")[:MAX_TEXT]) for name in ("question", *OPTIONS)}
    if not all(texts.values()):
        return JsonResponse({"error": "expected a question and four answers"}, status=400)
    try:
        verdict = blind_check.look(texts, hit.pk)
    except (redis.RedisError, OperationalError) as error:
        log.warning("no blind check: %s", error)
        verdict = None
    return JsonResponse(verdict or {}, status=200 if verdict else 202)
