"""Notifications: written to an outbox in the transaction of the event, delivered by `run_clock`, at least once."""

from __future__ import annotations

import datetime as dt
import json
import logging
import uuid
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F

from annotation.marketplace.models import Assignment, Fault, Hit, HitType, Notice, Requester

log = logging.getLogger("marketplace.notices")

EVENT_DOC_VERSION = "2006-05-05"
VERSIONS = ("2006-05-05", "2014-08-15")
MAX_ATTEMPTS = 8
TIMEOUT_S = 10


def event(name: str, hit_type: HitType, hit: Hit, now: dt.datetime, assignment: Assignment | None = None) -> None:
    """Put an event into the outbox if the HIT type's notifications are active and ask for it."""
    specification = hit_type.notification
    if not hit_type.notification_active or not specification or name not in specification["EventTypes"]:
        return
    details = {"HITTypeId": hit_type.public_id, "HITId": hit.public_id}
    if assignment is not None:
        details["AssignmentId"] = assignment.public_id
    enqueue(hit_type.requester, specification, name, details, now)


def enqueue(
    requester: Requester, specification: dict[str, object], name: str, details: dict[str, str], now: dt.datetime
) -> Notice:
    body = {
        "EventDocVersion": EVENT_DOC_VERSION,
        "EventDocId": uuid.uuid4().hex,
        "CustomerId": requester.public_id,
        "Events": [{"EventType": name, "EventTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"), **details}],
    }
    notice = Notice(
        requester=requester,
        transport=str(specification["Transport"]),
        destination=str(specification["Destination"]),
        body=body,
        next_attempt_at=now,
    )
    notice.save()
    if Fault.take("duplicate_notice", name):
        Notice.objects.create(
            requester=requester, transport=notice.transport, destination=notice.destination, body=body,
            next_attempt_at=now,
        )  # fmt: skip
    return notice


def destination_allowed(transport: str, destination: str) -> bool:
    """Requesters choose the address, so only origins the host has named are posted to (no requests forged here)."""
    if transport == "Email":
        return "@" in destination and "\n" not in destination
    parts = urlsplit(destination)
    return f"{parts.scheme}://{parts.netloc}" in settings.MARKETPLACE_NOTIFY_ORIGINS


def deliver_due(now: dt.datetime, limit: int = 100) -> int:
    """Send what waits; a failure is tried again with growing delays. Returns how many were delivered."""
    delivered = 0
    for _ in range(limit):
        with transaction.atomic():
            notice = (
                Notice.objects.select_for_update(skip_locked=True)
                .filter(delivered_at=None, next_attempt_at__lte=now, attempts__lt=MAX_ATTEMPTS)
                .order_by("id")
                .first()
            )
            if notice is None:
                return delivered
            delivered += _attempt(notice, now)
    return delivered


def _attempt(notice: Notice, now: dt.datetime) -> bool:
    try:
        send(notice)
    except (httpx.HTTPError, OSError, ValueError) as error:
        log.warning("notice %s to %s failed: %s", notice.pk, notice.destination, error)
        Notice.objects.filter(pk=notice.pk).update(
            attempts=F("attempts") + 1,
            next_attempt_at=now + dt.timedelta(seconds=10 * 4**notice.attempts),
            error=str(error)[:1000],
        )
        return False
    Notice.objects.filter(pk=notice.pk).update(attempts=F("attempts") + 1, delivered_at=now, error="")
    return True


def send(notice: Notice) -> None:
    """Post one notice in the shape of its transport. Raises httpx.HTTPError, OSError, ValueError."""
    if not destination_allowed(notice.transport, notice.destination):
        raise ValueError(f"{notice.destination} is not in MARKETPLACE_NOTIFY_ORIGINS")
    text = json.dumps(notice.body)
    if notice.transport == "Email":
        kind = notice.body["Events"][0]["EventType"]
        send_mail(f"Marketplace event: {kind}", text, None, [notice.destination])
        return
    if notice.transport == "SQS":
        response = httpx.post(
            notice.destination,
            data={"Action": "SendMessage", "Version": "2012-11-05", "MessageBody": text},
            timeout=TIMEOUT_S,
        )
    else:
        message = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": notice.destination,
            "Message": text,
        }
        headers = {"x-amz-sns-message-type": "Notification", "Content-Type": "text/plain; charset=UTF-8"}
        response = httpx.post(notice.destination, content=json.dumps(message), headers=headers, timeout=TIMEOUT_S)
    response.raise_for_status()
