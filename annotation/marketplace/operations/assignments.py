"""Reading and reviewing submitted work."""

from __future__ import annotations

import datetime as dt

from annotation.marketplace.models import Assignment, Requester
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.operations.serializers import assignment_members, hit_members
from annotation.marketplace.protocol.pagination import listing, page
from annotation.marketplace.questions import uploaded_files
from annotation.marketplace.work import lifecycle


@operation("GetAssignment")
def get_assignment(requester: Requester, members: Members, now: dt.datetime) -> Members:
    assignment = lookup.assignment_of(requester, members["AssignmentId"])
    return {"Assignment": assignment_members(assignment), "HIT": hit_members(assignment.hit, now)}


@operation("ListAssignmentsForHIT")
def list_assignments(requester: Requester, members: Members, now: dt.datetime) -> Members:
    hit = lookup.hit_of(requester, members["HITId"])
    statuses = members.get("AssignmentStatuses") or Assignment.VISIBLE
    rows = Assignment.objects.filter(hit=hit, status__in=statuses).select_related("worker")
    shown, token = page("ListAssignmentsForHIT", requester, members, rows, "submitted_at")
    for assignment in shown:
        assignment.hit = hit
    return listing("Assignments", [assignment_members(assignment) for assignment in shown], token)


@operation("ApproveAssignment")
def approve_assignment(requester: Requester, members: Members, now: dt.datetime) -> Members:
    lifecycle.approve(
        lookup.assignment_of(requester, members["AssignmentId"]),
        members.get("RequesterFeedback"),
        now,
        override_rejection=members.get("OverrideRejection", False),
    )
    return {}


@operation("RejectAssignment")
def reject_assignment(requester: Requester, members: Members, now: dt.datetime) -> Members:
    assignment = lookup.assignment_of(requester, members["AssignmentId"])
    lifecycle.reject(assignment, members["RequesterFeedback"], now)
    return {}


@operation("GetFileUploadURL")
def get_file_upload_url(requester: Requester, members: Members, now: dt.datetime) -> Members:
    assignment = lookup.assignment_of(requester, members["AssignmentId"])
    return {"FileUploadURL": uploaded_files.temporary_url(assignment, members["QuestionIdentifier"])}
