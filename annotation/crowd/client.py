"""The gateway to a crowd that speaks the MTurk protocol. Everything boto3 stays in this module.

Every call is idempotent: a repeat after a lost answer finds what the first one did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from annotation.models.crowd import Environment

AMAZON = {
    Environment.SANDBOX: "https://mturk-requester-sandbox.us-east-1.amazonaws.com",
    Environment.LIVE: "https://mturk-requester.us-east-1.amazonaws.com",
}
HIT_LIFETIME = timedelta(days=14)
TIME_ON_TASK = timedelta(minutes=30)
AUTO_APPROVAL = timedelta(days=7)

CrowdError = (BotoCoreError, ClientError)


@dataclass(frozen=True)
class Submitted:
    """One assignment as the marketplace reports it."""

    assignment_id: str
    worker_id: str
    answer: str
    submitted_at: datetime
    status: str


@dataclass(frozen=True)
class Enrolment:
    """A worker who asks for the group qualification."""

    request_id: str
    worker_id: str


class Crowd:
    """One environment's marketplace, seen by this requester."""

    def __init__(self, environment: str) -> None:
        self.client = _client(environment)

    def balance(self) -> Decimal:
        return Decimal(self.client.get_account_balance()["AvailableBalance"])

    def group_qualification(self, name: str, description: str) -> str:
        """Id of our requestable qualification of this name, created when there is none."""
        pages = self.client.get_paginator("list_qualification_types").paginate(
            Query=name, MustBeRequestable=False, MustBeOwnedByCaller=True
        )
        for page in pages:
            for found in page["QualificationTypes"]:
                if found["Name"] == name:
                    return str(found["QualificationTypeId"])
        made = self.client.create_qualification_type(
            Name=name, Description=description, QualificationTypeStatus="Active"
        )
        return str(made["QualificationType"]["QualificationTypeId"])

    def enrolments(self, qualification_type_id: str) -> list[Enrolment]:
        """Open requests for the qualification, oldest first."""
        pages = self.client.get_paginator("list_qualification_requests").paginate(
            QualificationTypeId=qualification_type_id
        )
        rows = [row for page in pages for row in page["QualificationRequests"]]
        rows.sort(key=lambda row: (row["SubmitTime"], row["QualificationRequestId"]))
        return [Enrolment(row["QualificationRequestId"], row["WorkerId"]) for row in rows]

    def grant(self, request_id: str, value: int) -> None:
        """Accept an enrolment with the group's number."""
        self.client.accept_qualification_request(QualificationRequestId=request_id, IntegerValue=value)

    def hit_type(
        self, *, title: str, description: str, keywords: str, reward: Decimal, qualification_type_id: str, group: int
    ) -> str:
        """Id of the HIT type with these values; equal values give the same id."""
        made = self.client.create_hit_type(
            Title=title,
            Description=description,
            Keywords=keywords,
            Reward=str(reward),
            AssignmentDurationInSeconds=int(TIME_ON_TASK.total_seconds()),
            AutoApprovalDelayInSeconds=int(AUTO_APPROVAL.total_seconds()),
            QualificationRequirements=[
                {
                    "QualificationTypeId": qualification_type_id,
                    "Comparator": "EqualTo",
                    "IntegerValues": [group],
                    "ActionsGuarded": "DiscoverPreviewAndAccept",
                }
            ],
        )
        return str(made["HITTypeId"])

    def create_hit(self, *, hit_type_id: str, question: str, token: str, annotation: str, assignments: int) -> str:
        """Put one unit before the crowd and return its HIT id; a repeat with the token returns the first one's."""
        try:
            made = self.client.create_hit_with_hit_type(
                HITTypeId=hit_type_id,
                Question=question,
                UniqueRequestToken=token,
                RequesterAnnotation=annotation,
                MaxAssignments=assignments,
                LifetimeInSeconds=int(HIT_LIFETIME.total_seconds()),
            )
        except ClientError as error:
            if _turk_code(error) != "AWS.MechanicalTurk.HitAlreadyExists":
                raise
            named = re.search(r"\b(?:HIT ?Id:?\s*)?([A-Z0-9]{20,64})\b", error.response["Error"]["Message"])
            return named.group(1) if named else self.hits_by_annotation()[annotation]
        return str(made["HIT"]["HITId"])

    def hits_by_annotation(self) -> dict[str, str]:
        """HIT ids of everything we have there, by our own annotation: how a launch is found again after a crash."""
        pages = self.client.get_paginator("list_hits").paginate(PaginationConfig={"PageSize": 100})
        return {
            hit["RequesterAnnotation"]: hit["HITId"]
            for page in pages
            for hit in page["HITs"]
            if hit.get("RequesterAnnotation")
        }

    def reviewable(self, hit_type_id: str) -> set[str]:
        """Ids of the HITs of this type whose assignments have all been submitted, or whose time is over."""
        pages = self.client.get_paginator("list_reviewable_hits").paginate(
            HITTypeId=hit_type_id, PaginationConfig={"PageSize": 100}
        )
        return {hit["HITId"] for page in pages for hit in page["HITs"]}

    def assignments(self, hit_id: str) -> Iterator[Submitted]:
        """Every submitted assignment of a HIT, decided ones included."""
        pages = self.client.get_paginator("list_assignments_for_hit").paginate(
            HITId=hit_id, PaginationConfig={"PageSize": 100}
        )
        for page in pages:
            for row in page["Assignments"]:
                yield Submitted(
                    row["AssignmentId"],
                    row["WorkerId"],
                    row.get("Answer", ""),
                    row["SubmitTime"],
                    row["AssignmentStatus"],
                )

    def approve(self, assignment_id: str) -> str:
        """Approve, and return the state the assignment is in now (`Approved`, or `Rejected` where somebody did)."""
        return self._decide(assignment_id, "Approved", self.client.approve_assignment, {})

    def reject(self, assignment_id: str, reason: str) -> str:
        """Reject with a reason, and return the state the assignment is in now."""
        return self._decide(
            assignment_id, "Rejected", self.client.reject_assignment, {"RequesterFeedback": reason[:1024]}
        )

    def extend(self, hit_id: str, token: str) -> None:
        """Ask for one assignment more; a repeat with the token does nothing."""
        try:
            self.client.create_additional_assignments_for_hit(
                HITId=hit_id, NumberOfAdditionalAssignments=1, UniqueRequestToken=token
            )
        except ClientError as error:
            # Amazon's documentation names no code for this; compatible servers use one of these two.
            if not _turk_code(error).endswith(("AlreadyExists", "DuplicateRequest")):
                raise

    def expire(self, hit_id: str) -> None:
        """Let nobody accept the HIT any more; who has accepted may still submit."""
        self.client.update_expiration_for_hit(HITId=hit_id, ExpireAt=datetime(2000, 1, 1, tzinfo=UTC))

    def _decide(self, assignment_id: str, wanted: str, call: Any, extra: dict[str, str]) -> str:
        try:
            call(AssignmentId=assignment_id, **extra)
        except ClientError as error:
            if _turk_code(error) != "AWS.MechanicalTurk.InvalidAssignmentState":
                raise
            # Decided before: by our first try whose answer was lost, by auto-approval, or by hand.
            return str(self.client.get_assignment(AssignmentId=assignment_id)["Assignment"]["AssignmentStatus"])
        return wanted


def _client(environment: str) -> Any:
    if environment == Environment.LOCAL:
        endpoint = settings.MTURK_ENDPOINT_URL
        host = urlsplit(endpoint).hostname or ""
        if host.endswith("amazonaws.com"):
            raise ImproperlyConfigured(
                "MTURK_ENDPOINT_URL points to Amazon: choose the environment sandbox or live instead"
            )
        keys = {"aws_access_key_id": settings.MTURK_ACCESS_KEY, "aws_secret_access_key": settings.MTURK_SECRET}
    else:
        endpoint, keys = AMAZON[Environment(environment)], {}
    retries = {"mode": "adaptive", "total_max_attempts": 8}
    return boto3.client("mturk", region_name="us-east-1", endpoint_url=endpoint, config=Config(retries=retries), **keys)


def _turk_code(error: ClientError) -> str:
    return str(error.response.get("TurkErrorCode", ""))
