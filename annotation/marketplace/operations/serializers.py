"""Rows -> the members of the API's structures. None means: leave the member out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from annotation.marketplace.models import (
    Assignment,
    BonusPayment,
    Hit,
    Qualification,
    QualificationRequest,
    QualificationType,
)
from annotation.marketplace.work import qualify
from annotation.marketplace.work.lifecycle import hit_status

SYSTEM_CREATED = dt.datetime(2017, 1, 17, tzinfo=dt.UTC)


def hit_members(hit: Hit, now: dt.datetime) -> dict[str, Any]:
    hit_type = hit.hit_type
    return {
        "HITId": hit.public_id,
        "HITTypeId": hit_type.public_id,
        "HITGroupId": hit_type.group_id,
        "HITLayoutId": hit.layout.public_id if hit.layout else None,
        "CreationTime": hit.created_at,
        "Title": hit_type.title,
        "Description": hit_type.description,
        "Question": hit.question,
        "Keywords": hit_type.keywords or None,
        "HITStatus": hit_status(hit, now),
        "MaxAssignments": hit.max_assignments,
        "Reward": str(hit_type.reward),
        "AutoApprovalDelayInSeconds": hit_type.auto_approval_delay_s,
        "Expiration": hit.expires_at,
        "AssignmentDurationInSeconds": hit_type.assignment_duration_s,
        "RequesterAnnotation": hit.annotation or None,
        "QualificationRequirements": hit_type.requirements,
        "HITReviewStatus": "ReviewedAppropriate" if hit.hit_policy_done else "NotReviewed",
        "NumberOfAssignmentsPending": hit.pending,
        "NumberOfAssignmentsAvailable": hit.free_slots,
        "NumberOfAssignmentsCompleted": hit.approved + hit.rejected,
    }


def assignment_members(assignment: Assignment) -> dict[str, Any]:
    return {
        "AssignmentId": assignment.public_id,
        "WorkerId": assignment.worker.public_id,
        "HITId": assignment.hit.public_id,
        "AssignmentStatus": assignment.status,
        "AutoApprovalTime": assignment.auto_approve_at,
        "AcceptTime": assignment.accepted_at,
        "SubmitTime": assignment.submitted_at,
        "ApprovalTime": assignment.approved_at,
        "RejectionTime": assignment.rejected_at,
        "Deadline": assignment.deadline,
        "Answer": assignment.answer,
        "RequesterFeedback": assignment.feedback or None,
    }


def bonus_members(bonus: BonusPayment) -> dict[str, Any]:
    return {
        "WorkerId": bonus.worker.public_id,
        "BonusAmount": str(bonus.amount),
        "AssignmentId": bonus.assignment.public_id,
        "Reason": bonus.reason,
        "GrantTime": bonus.granted_at,
    }


def qualification_type_members(kind: QualificationType, *, to_owner: bool = True) -> dict[str, Any]:
    """Test and answer key are the owner's alone."""
    return {
        "QualificationTypeId": kind.public_id,
        "CreationTime": kind.created_at,
        "Name": kind.name,
        "Description": kind.description,
        "Keywords": kind.keywords or None,
        "QualificationTypeStatus": "Active" if kind.active else "Inactive",
        "Test": kind.test or None if to_owner else None,
        "TestDurationInSeconds": kind.test_duration_s,
        "AnswerKey": kind.answer_key or None if to_owner else None,
        "RetryDelayInSeconds": kind.retry_delay_s,
        "IsRequestable": kind.active,
        "AutoGranted": kind.auto_granted,
        "AutoGrantedValue": kind.auto_granted_value if kind.auto_granted else None,
    }


def system_type_members(type_id: str) -> dict[str, Any]:
    name, description = qualify.SYSTEM[type_id]
    return {
        "QualificationTypeId": type_id,
        "CreationTime": SYSTEM_CREATED,
        "Name": name,
        "Description": description,
        "QualificationTypeStatus": "Active",
        "IsRequestable": False,
        "AutoGranted": False,
    }


def qualification_members(qualification: Qualification) -> dict[str, Any]:
    return {
        "QualificationTypeId": qualification.qualification_type.public_id,
        "WorkerId": qualification.worker.public_id,
        "GrantTime": qualification.granted_at,
        "IntegerValue": qualification.value,
        "Status": "Granted" if qualification.granted else "Revoked",
    }


def qualification_request_members(request: QualificationRequest) -> dict[str, Any]:
    return {
        "QualificationRequestId": request.public_id,
        "QualificationTypeId": request.qualification_type.public_id,
        "WorkerId": request.worker.public_id,
        "Test": request.test or None,
        "Answer": request.answer or None,
        "SubmitTime": request.submitted_at,
    }
