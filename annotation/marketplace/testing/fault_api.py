"""The /faults address; see `faults` for what it takes. It does not exist where settings do not allow it."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from annotation.marketplace import clock
from annotation.marketplace.models import Fault
from annotation.marketplace.testing import faults
from annotation.marketplace.work import due_transitions, notices


@csrf_exempt
@require_POST
def faults_door(request: HttpRequest) -> JsonResponse:
    if not settings.MARKETPLACE_FAULTS:
        raise Http404("There is no such page")
    try:
        _apply(json.loads(request.body or b"{}"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return JsonResponse({"error": f"{type(error).__name__}: {error}"}, status=400)
    waiting = Fault.objects.filter(remaining__gt=0).order_by("id")
    return JsonResponse(
        {
            "now": clock.now().isoformat(),
            "faults": list(waiting.values("kind", "operation", "remaining", "seconds")),
        }
    )


def _apply(order: dict[str, Any]) -> None:
    unknown = set(order) - {"advance_s", "reset_clock", "add", "clear", "tick"}
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    if order.get("clear"):
        Fault.objects.all().delete()
    if order.get("reset_clock"):
        faults.reset_clock()
    if "advance_s" in order:
        faults.advance_clock(float(order["advance_s"]))
    if "add" in order:
        fault = Fault(**order["add"])
        if fault.kind not in Fault.Kind.values:
            raise ValueError(f"kind must be one of {Fault.Kind.values}")
        fault.save(force_insert=True)
    if order.get("tick"):
        now = clock.now()
        due_transitions.settle(now)
        due_transitions.forget_dead_tokens(now)
        notices.deliver_due(now)
