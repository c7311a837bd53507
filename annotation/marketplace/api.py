"""The requester API's one address: signature, decoding, the operation (in one transaction if it writes), encoding."""

from __future__ import annotations

import datetime as dt
import json
import logging
import socket
import time
import uuid
from contextlib import nullcontext

from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from annotation.marketplace import clock
from annotation.marketplace.draining import drain
from annotation.marketplace.models import Fault
from annotation.marketplace.operations import HANDLERS
from annotation.marketplace.protocol import codec
from annotation.marketplace.protocol.errors import ApiError, front_door, service_fault
from annotation.marketplace.protocol.signature import authenticate
from annotation.marketplace.work import due_transitions

log = logging.getLogger("marketplace.api")

TARGET_PREFIX = "MTurkRequesterServiceV20170117."
CONTENT_TYPE = "application/x-amz-json-1.1"
READING = ("Get", "List")  # how names of operations begin that write nothing
MAX_BODY = 1_048_576  # a question of 65,535 bytes written as six characters each, and room for the rest


@csrf_exempt
@require_POST
def requester_api(request: HttpRequest) -> HttpResponse:
    name = request.headers.get("X-Amz-Target", "").removeprefix(TARGET_PREFIX)
    try:
        body = _read(request)
        skew = Fault.take("clock_skew", name)
        wall_clock = timezone.now() + dt.timedelta(seconds=skew.seconds if skew else 0)
        requester = authenticate(request, body, wall_clock)
        codec.operation(name)
        _before(name)
        members = codec.decode(name, body)
        now = clock.now()
        due_transitions.apply_due(now)
        with nullcontext() if name.startswith(READING) else transaction.atomic():
            answer = HANDLERS[name](requester, members, now)
        content = codec.encode(name, answer)
    except ApiError as error:
        return _response(error.status, json.dumps(error.body()).encode())
    except DatabaseError:
        # A deadlock or a database that is restarting: the client's retry is the cure.
        log.exception("%s failed in the database", name)
        return _response(500, json.dumps(service_fault("The service is temporarily unable to answer").body()).encode())
    if Fault.take("lost_answer", name):
        _hang_up(request)
    return _response(200, content)


def _read(request: HttpRequest) -> bytes:
    length = request.headers.get("Content-Length", "0")
    if length.isdigit() and int(length) <= MAX_BODY:
        return request.body
    drain(request)
    raise front_door("RequestEntityTooLargeException", f"A request may have {MAX_BODY} bytes")


def _before(name: str) -> None:
    """Faults that come before the work is done."""
    delay = Fault.take("delay", name)
    if delay:
        time.sleep(delay.seconds)
    if Fault.take("throttling", name):
        raise front_door("ThrottlingException", "Rate exceeded")
    if Fault.take("service_fault", name):
        raise service_fault("Injected by a test")


def _hang_up(request: HttpRequest) -> None:
    """Close the connection under gunicorn's feet: the work is done, and the client never hears of it."""
    connection = request.META.get("gunicorn.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)


def _response(status: int, content: bytes) -> HttpResponse:
    response = HttpResponse(content, status=status, content_type=CONTENT_TYPE)
    response.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    return response
