"""Faults on demand, for tests: `POST /faults` with JSON, only where MARKETPLACE_FAULTS is on.

    {"advance_s": 3600}                                   move the clock (adds up; "reset_clock": true sets it back)
    {"add": {"kind": "lost_answer", "operation": "CreateHIT", "remaining": 1}}
    {"add": {"kind": "delay", "operation": "*", "remaining": 5, "seconds": 0.3}}
    {"clear": true}                                       forget all faults
    {"tick": true}                                        do what is due and deliver notices

Kinds: lost_answer (the work is done, the connection closes without an answer), throttling, service_fault, delay,
duplicate_notice (operation = event type), clock_skew (the signature check's clock runs `seconds` ahead). The answer is
the state after the change.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from annotation.marketplace import clock
from annotation.marketplace.models import ClockOffset, Fault
from annotation.marketplace.work import due_transitions, notices


def apply(order: dict[str, Any]) -> None:
    """Do what the order says. Raises ValueError, TypeError, KeyError or AttributeError for one that says nothing."""
    unknown = set(order) - {"advance_s", "reset_clock", "add", "clear", "tick"}
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    if order.get("clear"):
        Fault.objects.all().delete()
    if order.get("reset_clock"):
        ClockOffset.objects.all().delete()
    if "advance_s" in order:
        _advance_clock(float(order["advance_s"]))
    if "add" in order:
        fault = Fault(**order["add"])
        if fault.kind not in Fault.Kind.values:
            raise ValueError(f"kind must be one of {Fault.Kind.values}")
        fault.save(force_insert=True)
    if order.get("tick"):
        now = clock.now()
        due_transitions.apply_due(now)
        due_transitions.forget_dead_tokens(now)
        notices.deliver_due(now)


def _advance_clock(seconds: float) -> None:
    with transaction.atomic():
        offset = ClockOffset.objects.select_for_update().first() or ClockOffset()
        offset.seconds += seconds
        offset.save()
