"""Faults on demand, for tests: `POST /faults` with JSON, only where MARKETPLACE_FAULTS is on.

    {"advance_s": 3600}                                   move the clock (adds up; "reset_clock": true sets it back)
    {"add": {"kind": "lost_answer", "operation": "CreateHIT", "remaining": 1}}
    {"add": {"kind": "delay", "operation": "*", "remaining": 5, "seconds": 0.3}}
    {"clear": true}                                       forget all faults
    {"tick": true}                                        settle what is due and deliver notices

Kinds: lost_answer (the work is done, the connection closes without an answer), throttling, service_fault, delay,
duplicate_notice (operation = event type), empty_last_page (the last full page has a NextToken, an empty one ends the
list), clock_skew (the signature check's clock runs `seconds` ahead). The answer is the state after the change.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from annotation.marketplace.models import ClockOffset, Fault


def take(kind: str, operation: str) -> Fault | None:
    """Use up one occurrence of a fault that waits for this operation, if there is one."""
    if not settings.MARKETPLACE_FAULTS:
        return None
    with transaction.atomic():
        fault = (
            Fault.objects.select_for_update()
            .filter(Q(operation=operation) | Q(operation="*"), kind=kind, remaining__gt=0)
            .order_by("id")
            .first()
        )
        if fault is not None:
            Fault.objects.filter(pk=fault.pk).update(remaining=F("remaining") - 1)
        return fault


def advance_clock(seconds: float) -> None:
    with transaction.atomic():
        offset = ClockOffset.objects.select_for_update().first() or ClockOffset()
        offset.seconds += seconds
        offset.save()


def reset_clock() -> None:
    ClockOffset.objects.all().delete()
