"""The /faults address; see `faults` for what it takes. It does not exist where settings do not allow it."""

from __future__ import annotations

import json

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from annotation.marketplace import clock
from annotation.marketplace.models import Fault
from annotation.marketplace.testing import faults


@csrf_exempt
@require_POST
def fault_api(request: HttpRequest) -> JsonResponse:
    if not settings.MARKETPLACE_FAULTS:
        raise Http404("There is no such page")
    try:
        faults.apply(json.loads(request.body or b"{}"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return JsonResponse({"error": f"{type(error).__name__}: {error}"}, status=400)
    waiting = Fault.objects.filter(remaining__gt=0).order_by("id")
    return JsonResponse(
        {
            "now": clock.now().isoformat(),
            "faults": list(waiting.values("kind", "operation", "remaining", "seconds")),
        }
    )
