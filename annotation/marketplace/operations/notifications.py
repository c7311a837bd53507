"""Notification settings of HIT types."""

from __future__ import annotations

import datetime as dt

from annotation.marketplace.models import Requester
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.work import notices


@operation("UpdateNotificationSettings")
def update_settings(requester: Requester, members: Members, now: dt.datetime) -> Members:
    hit_type = lookup.hit_type_of(requester, members["HITTypeId"])
    if "Notification" in members:
        _check(members["Notification"])
        if "Ping" in members["Notification"]["EventTypes"]:
            raise refused(
                "AWS.MechanicalTurk.InvalidParameterValue", "Ping is only valid for SendTestEventNotification"
            )
        hit_type.notification = members["Notification"]
        hit_type.notification_active = True
    if "Active" in members:
        if hit_type.notification is None:
            raise refused(
                "NotificationSpecificationDoesNotExist", f"HIT type {hit_type.public_id} has no notification to switch"
            )
        hit_type.notification_active = members["Active"]
    hit_type.save(update_fields=["notification", "notification_active"])
    return {}


@operation("SendTestEventNotification")
def send_test(requester: Requester, members: Members, now: dt.datetime) -> Members:
    _check(members["Notification"])
    details = {"HITTypeId": "T" * 30, "HITId": "H" * 30, "AssignmentId": "A" * 30}
    notices.enqueue(requester, members["Notification"], members["TestEventType"], details, now)
    return {}


def _check(specification: Members) -> None:
    if specification["Version"] not in notices.VERSIONS:
        raise refused(
            "AWS.MechanicalTurk.InvalidParameterValue", f"Version must be one of {', '.join(notices.VERSIONS)}"
        )
    if not specification["EventTypes"]:
        raise refused("AWS.MechanicalTurk.InvalidParameterValue", "EventTypes must name at least one event")
    if not notices.destination_allowed(specification["Transport"], specification["Destination"]):
        raise refused(
            "InvalidTransportEndpoint",
            f"{specification['Destination'][:200]} is not a destination this marketplace delivers to by "
            f"{specification['Transport']}",
        )
