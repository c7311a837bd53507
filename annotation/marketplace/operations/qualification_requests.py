"""Workers' requests for qualifications."""

from __future__ import annotations

import datetime as dt

from annotation.marketplace.models import QualificationRequest, Requester
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.operations.serializers import qualification_request_members
from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.protocol.pagination import listing, page
from annotation.marketplace.work import qualify

Status = QualificationRequest.Status


@operation("ListQualificationRequests")
def list_requests(requester: Requester, members: Members, now: dt.datetime) -> Members:
    rows = QualificationRequest.objects.filter(
        qualification_type__requester=requester, status=Status.SUBMITTED
    ).select_related("qualification_type", "worker")
    if "QualificationTypeId" in members:
        rows = rows.filter(qualification_type=lookup.qualification_type_of(requester, members["QualificationTypeId"]))
    shown, token = page("ListQualificationRequests", requester, members, rows, "submitted_at")
    return listing("QualificationRequests", [qualification_request_members(row) for row in shown], token)


@operation("AcceptQualificationRequest")
def accept(requester: Requester, members: Members, now: dt.datetime) -> Members:
    request = _waiting(requester, members["QualificationRequestId"])
    qualify.grant(request.qualification_type, request.worker, members.get("IntegerValue", 1), now)
    request.status = Status.GRANTED
    request.save(update_fields=["status"])
    return {}


@operation("RejectQualificationRequest")
def reject(requester: Requester, members: Members, now: dt.datetime) -> Members:
    request = _waiting(requester, members["QualificationRequestId"])
    request.status = Status.REJECTED
    request.reason = members.get("Reason", "")
    request.save(update_fields=["status", "reason"])
    return {}


def _waiting(requester: Requester, public_id: str) -> QualificationRequest:
    request = lookup.qualification_request_of(requester, public_id)
    if request.status != Status.SUBMITTED:
        raise refused(
            "InvalidQualificationRequestState",
            f"This operation can be called with a status of: Submitted; the request is {request.status}",
        )
    return request
