"""The answer to a defect of ours: a page for people, a ServiceFault for API clients, which makes them try again."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from annotation.marketplace.protocol.errors import service_fault


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.rstrip("/") == "/api":
        body = json.dumps(service_fault("The service failed to answer this request").body())
        return HttpResponse(body, status=500, content_type="application/x-amz-json-1.1")
    # Without a request no context processor can fail again.
    return HttpResponse(render_to_string("500.html"), status=500)
