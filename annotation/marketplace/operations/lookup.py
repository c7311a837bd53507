"""Find a requester's own things; what belongs to others does not exist for it."""

from __future__ import annotations

from annotation.marketplace.models import (
    Assignment,
    Hit,
    HitType,
    QualificationRequest,
    QualificationType,
    Requester,
    Worker,
)
from annotation.marketplace.protocol.errors import refused


def hit_of(requester: Requester, public_id: str) -> Hit:
    """A HIT alone: most calls look no further."""
    hit = Hit.objects.filter(requester=requester, public_id=public_id).first()
    if hit is None:
        raise refused("HITDoesNotExist", f"Hit {public_id} does not exist.")
    return hit


def hit_type_of(requester: Requester, public_id: str) -> HitType:
    hit_type = HitType.objects.filter(requester=requester, public_id=public_id, deleted=False).first()
    if hit_type is None:
        raise refused("HITTypeDoesNotExist", f"HIT type {public_id} does not exist.")
    return hit_type


def assignment_of(requester: Requester, public_id: str) -> Assignment:
    """A submitted, approved or rejected assignment; the API shows no others. Alone: who decides it locks its HIT."""
    rows = Assignment.objects.filter(hit__requester=requester, public_id=public_id, status__in=Assignment.OPEN)
    assignment = rows.first()
    if assignment is None:
        raise refused("AssignmentDoesNotExist", f"Assignment {public_id} does not exist.")
    if assignment.status not in Assignment.VISIBLE:
        raise refused(
            "InvalidAssignmentState",
            "This operation can be called with a status of: Submitted, Approved, Rejected; the worker has not "
            f"submitted assignment {public_id} yet",
        )
    return assignment


def worker(public_id: str) -> Worker:
    found = Worker.objects.filter(public_id=public_id).first()
    if found is None:
        raise refused("WorkerDoesNotExist", f"WorkerId {public_id} is invalid.")
    return found


def qualification_type_of(requester: Requester, public_id: str) -> QualificationType:
    found = QualificationType.objects.filter(requester=requester, public_id=public_id, deleted_at=None).first()
    if found is None:
        raise refused("QualificationTypeDoesNotExist", f"QualificationType {public_id} does not exist.")
    return found


def qualification_request_of(requester: Requester, public_id: str) -> QualificationRequest:
    found = (
        QualificationRequest.objects.select_for_update(of=("self",))
        .select_related("qualification_type", "worker")
        .filter(qualification_type__requester=requester, public_id=public_id)
        .first()
    )
    if found is None:
        raise refused("QualificationRequestDoesNotExist", f"QualificationRequest {public_id} does not exist.")
    return found
