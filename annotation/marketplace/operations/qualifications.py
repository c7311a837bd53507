"""What workers hold: give it, take it, read it."""

from __future__ import annotations

import datetime as dt

from annotation.marketplace.models import Qualification, Requester
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.operations.serializers import qualification_members
from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.protocol.pagination import listing, page
from annotation.marketplace.work import qualify


@operation("AssociateQualificationWithWorker")
def associate(requester: Requester, members: Members, now: dt.datetime) -> Members:
    """SendNotification is taken and has no effect: workers see what they hold on their qualifications page."""
    kind = lookup.qualification_type_of(requester, members["QualificationTypeId"])
    qualify.grant(kind, lookup.worker(members["WorkerId"]), members.get("IntegerValue", 1), now)
    return {}


@operation("DisassociateQualificationFromWorker")
def disassociate(requester: Requester, members: Members, now: dt.datetime) -> Members:
    qualification = _held(requester, members)
    qualification.granted = False
    qualification.reason = members.get("Reason", "")
    qualification.save(update_fields=["granted", "reason"])
    return {}


@operation("GetQualificationScore")
def get_score(requester: Requester, members: Members, now: dt.datetime) -> Members:
    return {"Qualification": qualification_members(_known(requester, members))}


@operation("ListWorkersWithQualificationType")
def list_workers(requester: Requester, members: Members, now: dt.datetime) -> Members:
    kind = lookup.qualification_type_of(requester, members["QualificationTypeId"])
    rows = Qualification.objects.filter(qualification_type=kind).select_related("qualification_type", "worker")
    if "Status" in members:
        rows = rows.filter(granted=members["Status"] == "Granted")
    shown, token = page("ListWorkersWithQualificationType", requester, members, rows)
    return listing("Qualifications", [qualification_members(row) for row in shown], token)


def _known(requester: Requester, members: Members) -> Qualification:
    kind = lookup.qualification_type_of(requester, members["QualificationTypeId"])
    found = (
        Qualification.objects.select_related("qualification_type", "worker")
        .filter(qualification_type=kind, worker__public_id=members["WorkerId"])
        .first()
    )
    if found is None:
        raise refused(
            "QualificationDoesNotExist", f"Worker {members['WorkerId']} has no qualification of type {kind.public_id}"
        )
    return found


def _held(requester: Requester, members: Members) -> Qualification:
    found = _known(requester, members)
    if not found.granted:
        raise refused("QualificationDoesNotExist", f"Worker {members['WorkerId']}'s qualification is revoked already")
    return found
