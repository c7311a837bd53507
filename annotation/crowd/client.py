"""The gateway to a crowd that speaks the MTurk protocol. Everything boto3 stays in this module.

Every call is idempotent: a repeat after a lost answer finds what the first one did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from annotation.crowd.standing import Standing
from annotation.models.crowd import Environment

AMAZON = {
    Environment.SANDBOX: "https://mturk-requester-sandbox.us-east-1.amazonaws.com",
    Environment.LIVE: "https://mturk-requester.us-east-1.amazonaws.com",
}
HIT_LIFETIME = timedelta(days=14)
TIME_ON_TASK = timedelta(minutes=30)
AUTO_APPROVAL = timedelta(days=7)
SHORTEST_LIFETIME_S = 30  # by the protocol
RETRIES = {"mode": "adaptive", "total_max_attempts": 8}
PAGE = 100  # the most that a list of the protocol gives at once

NOW = datetime(2000, 1, 1, tzinfo=UTC)  # a date long past is how a requester says "at once", whatever the clocks say
GONE = ("InvalidHITState", "HITDoesNotExist")  # what is said of a HIT that somebody has deleted

CrowdError = (BotoCoreError, ClientError)


@dataclass(frozen=True)
class Submitted:
    """One assignment as the marketplace reports it."""

    assignment_id: str
    worker_id: str
    answer: str
    submitted_at: datetime
    status: str
    feedback: str = ""


@dataclass(frozen=True)
class Bonus:
    """One bonus that was paid for an assignment, by us or by another client of this account."""

    assignment_id: str
    worker_id: str
    amount: Decimal
    reason: str
    granted_at: datetime


@dataclass(frozen=True)
class Enrolment:
    """A worker who asks for the group qualification."""

    request_id: str
    worker_id: str


class Crowd:
    """One environment's marketplace, seen by this requester."""

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.client = _client(environment)

    def balance(self) -> Decimal:
        return Decimal(self.client.get_account_balance()["AvailableBalance"])

    def group_qualification(self, name: str, description: str) -> str:
        """Id of our requestable qualification of this name, created when there is none."""
        return self._qualification(name, Description=description)

    def test_qualification(self, *, name: str, description: str, form: str, key: str, seconds: int) -> str:
        """Id of our qualification of this name, which the marketplace gives by a test, created when there is none."""
        test = {"Test": form, "AnswerKey": key, "TestDurationInSeconds": seconds}
        return self._qualification(name, Description=description, **test)

    def _qualification(self, name: str, **members: Any) -> str:
        pages = self.client.get_paginator("list_qualification_types").paginate(
            Query=name, MustBeRequestable=False, MustBeOwnedByCaller=True
        )
        for page in pages:
            for found in page["QualificationTypes"]:
                if found["Name"] == name:
                    return str(found["QualificationTypeId"])
        made = self.client.create_qualification_type(Name=name, QualificationTypeStatus="Active", **members)
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
        self, *, title: str, description: str, keywords: str, reward: Decimal, requirements: list[dict[str, Any]]
    ) -> str:
        """Id of the HIT type with these values; equal values give the same id. `requirements`: the protocol's."""
        made = self.client.create_hit_type(
            Title=title,
            Description=description,
            Keywords=keywords,
            Reward=str(reward),
            AssignmentDurationInSeconds=int(TIME_ON_TASK.total_seconds()),
            AutoApprovalDelayInSeconds=int(AUTO_APPROVAL.total_seconds()),
            QualificationRequirements=requirements,
        )
        return str(made["HITTypeId"])

    def create_hit(
        self, *, hit_type_id: str, question: str, token: str, annotation: str, assignments: int, lifetime: timedelta
    ) -> str:
        """Put one unit before the crowd and return its HIT id; a repeat with the token returns the first one's."""
        try:
            made = self.client.create_hit_with_hit_type(
                HITTypeId=hit_type_id,
                Question=question,
                UniqueRequestToken=token,
                RequesterAnnotation=annotation,
                MaxAssignments=assignments,
                LifetimeInSeconds=max(int(lifetime.total_seconds()), SHORTEST_LIFETIME_S),
            )
        except ClientError as error:
            if _turk_code(error) != "AWS.MechanicalTurk.HitAlreadyExists":
                raise
            named = re.search(r"\b(?:HIT ?Id:?\s*)?([A-Z0-9]{20,64})\b", error.response["Error"]["Message"])
            return named.group(1) if named else self.hits_by_annotation()[annotation]
        return str(made["HIT"]["HITId"])

    def hits_by_annotation(self) -> dict[str, str]:
        """HIT ids of everything we have there, by our own annotation: how a launch is found again after a crash."""
        found: dict[str, str] = {}
        token: str | None = ""
        while token is not None:
            hits, token = self.hit_page(token)
            found |= {hit.annotation: hit.hit_id for hit in hits if hit.annotation}
        return found

    def hit_page(self, token: str) -> tuple[list[Standing], str | None]:
        """Up to 100 of our HITs, newest first, and the token of the next page, None behind the last one.

        A token that the marketplace does not know (any more) gives the first page.
        """
        try:
            answer = self.client.list_hits(MaxResults=PAGE, **({"NextToken": token} if token else {}))
        except ClientError as error:
            if not token or not _turk_code(error).endswith("InvalidNextToken"):
                raise
            answer = self.client.list_hits(MaxResults=PAGE)
        full = len(answer["HITs"]) == PAGE  # a short page is the last one, whatever its token promises
        return [_standing(hit) for hit in answer["HITs"]], answer.get("NextToken") if full else None

    def standing(self, hit_id: str) -> Standing | None:
        """How a HIT stands now; None where the marketplace knows it no more."""
        try:
            return _standing(self.client.get_hit(HITId=hit_id)["HIT"])
        except ClientError as error:
            if not _turk_code(error).endswith("HITDoesNotExist"):
                raise
            return None

    def reviewable(self, hit_type_id: str) -> set[str]:
        """Ids of the HITs of this type whose assignments have all been submitted, or whose time is over."""
        pages = self.client.get_paginator("list_reviewable_hits").paginate(
            HITTypeId=hit_type_id, PaginationConfig={"PageSize": 100}
        )
        return {hit["HITId"] for page in pages for hit in page["HITs"]}

    def assignments(self, hit_id: str) -> Iterator[Submitted]:
        """Every submitted assignment of a HIT, decided ones included."""
        for row in self._rows("list_assignments_for_hit", "Assignments", HITId=hit_id):
            yield Submitted(
                row["AssignmentId"],
                row["WorkerId"],
                row.get("Answer", ""),
                row["SubmitTime"],
                row["AssignmentStatus"],
                row.get("RequesterFeedback", ""),
            )

    def bonuses(self, hit_id: str) -> Iterator[Bonus]:
        """Every bonus paid for assignments of a HIT."""
        return self._bonuses(HITId=hit_id)

    def bonuses_of(self, assignment_id: str) -> Iterator[Bonus]:
        """Every bonus paid for one assignment."""
        return self._bonuses(AssignmentId=assignment_id)

    def send_bonus(self, *, worker_id: str, assignment_id: str, amount: Decimal, reason: str, token: str) -> None:
        """Pay a bonus; a repeat with the token pays nothing for a day. Later callers look at `bonuses_of` first."""
        try:
            self.client.send_bonus(
                WorkerId=worker_id,
                AssignmentId=assignment_id,
                BonusAmount=str(amount),
                Reason=reason,
                UniqueRequestToken=token,
            )
        except ClientError as error:
            if not _turk_code(error).endswith(("AlreadyExists", "DuplicateRequest")):
                raise

    def notify(self, worker_id: str, subject: str, text: str) -> str:
        """Send a message to a worker; why it could not be delivered, or nothing. A repeat sends it again."""
        answer = self.client.notify_workers(Subject=subject, MessageText=text, WorkerIds=[worker_id])
        failures = answer.get("NotifyWorkersFailureStatuses", [])
        return str(failures[0].get("NotifyWorkersFailureMessage", "not delivered")) if failures else ""

    def _bonuses(self, **of: str) -> Iterator[Bonus]:
        for row in self._rows("list_bonus_payments", "BonusPayments", **of):
            yield Bonus(
                row["AssignmentId"],
                row["WorkerId"],
                Decimal(row["BonusAmount"]),
                row.get("Reason", ""),
                row["GrantTime"],
            )

    def blocks(self) -> dict[str, str]:
        """Reasons by the ids of the workers whom this account has blocked."""
        rows = self._rows("list_worker_blocks", "WorkerBlocks")
        return {row["WorkerId"]: row.get("Reason", "") for row in rows}

    def block(self, worker_id: str, reason: str) -> None:
        """Keep a worker from everything this account offers."""
        self.client.create_worker_block(WorkerId=worker_id, Reason=reason)

    def unblock(self, worker_id: str) -> None:
        self.client.delete_worker_block(WorkerId=worker_id)

    def approve(self, assignment_id: str) -> str:
        """Approve, and return the state the assignment is in now (`Approved`, or `Rejected` where somebody did)."""
        return self._decide(assignment_id, "Approved", self.client.approve_assignment, {})

    def reject(self, assignment_id: str, reason: str) -> str:
        """Reject with a reason, and return the state the assignment is in now."""
        return self._decide(
            assignment_id, "Rejected", self.client.reject_assignment, {"RequesterFeedback": reason[:1024]}
        )

    def extend(self, hit_id: str, token: str) -> bool:
        """Ask for one assignment more; a repeat with the token does nothing. False where the HIT is gone."""
        try:
            self.client.create_additional_assignments_for_hit(
                HITId=hit_id, NumberOfAdditionalAssignments=1, UniqueRequestToken=token
            )
        except ClientError as error:
            # Amazon's documentation names no code for this; compatible servers use one of these two.
            code = _turk_code(error)
            if code.endswith(GONE):
                return False
            if not code.endswith(("AlreadyExists", "DuplicateRequest")):
                raise
        return True

    def expire(self, hit_id: str) -> None:
        """Let nobody accept the HIT any more; who has accepted may still submit."""
        self.set_end(hit_id, NOW)

    def set_end(self, hit_id: str, at: datetime) -> None:
        """Let workers accept the HIT until then; one that is gone stays gone."""
        try:
            self.client.update_expiration_for_hit(HITId=hit_id, ExpireAt=at)
        except ClientError as error:
            if not _turk_code(error).endswith(GONE):
                raise

    def _rows(self, operation: str, name: str, **members: Any) -> Iterator[dict[str, Any]]:
        """The rows of a list, page by page; a page that is not full is the last."""
        token: dict[str, str] = {}
        while True:
            answer = getattr(self.client, operation)(MaxResults=PAGE, **members, **token)
            yield from answer[name]
            if len(answer[name]) < PAGE or not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    def _decide(self, assignment_id: str, wanted: str, call: Any, extra: dict[str, str]) -> str:
        try:
            call(AssignmentId=assignment_id, **extra)
        except ClientError as error:
            if _turk_code(error) != "AWS.MechanicalTurk.InvalidAssignmentState":
                raise
            # Decided before: by our first try whose answer was lost, by auto-approval, or by hand.
            return str(self.client.get_assignment(AssignmentId=assignment_id)["Assignment"]["AssignmentStatus"])
        return wanted


def missing_keys(environment: str) -> str:
    """Why this environment cannot be asked for anything, or nothing. No call leaves the machine's network."""
    if environment == Environment.LOCAL or boto3.Session().get_credentials() is not None:
        return ""
    return (
        f"there are no keys for {Environment(environment).label}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
        "for the platform's processes"
    )


def _standing(hit: dict[str, Any]) -> Standing:
    return Standing(
        hit["HITId"],
        hit["HITTypeId"],
        hit.get("RequesterAnnotation", ""),
        hit["HITStatus"],
        hit["MaxAssignments"],
        hit["NumberOfAssignmentsPending"],
        hit["NumberOfAssignmentsAvailable"],
        hit["NumberOfAssignmentsCompleted"],
    )


def _client(environment: str) -> Any:
    if environment != Environment.LOCAL:
        return _connected(AMAZON[Environment(environment)])
    host = urlsplit(settings.MTURK_ENDPOINT_URL).hostname or ""
    if host.endswith("amazonaws.com"):
        raise ImproperlyConfigured(
            "MTURK_ENDPOINT_URL points to Amazon: choose the environment sandbox or live instead"
        )
    return _local(settings.MTURK_ENDPOINT_URL, settings.MTURK_ACCESS_KEY, settings.MTURK_SECRET)


@lru_cache(maxsize=8)  # a client and its connection serve a process's every verdict; of Amazon, credentials may change
def _local(endpoint: str, access_key: str, secret: str) -> Any:
    return _connected(endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret)


def _connected(endpoint: str, **keys: str) -> Any:
    return boto3.client("mturk", region_name="us-east-1", endpoint_url=endpoint, config=Config(retries=RETRIES), **keys)


def is_refusal(error: ClientError) -> bool:
    """Whether the marketplace has understood and said no: asked again, it says no again."""
    return error.response.get("Error", {}).get("Code") == "RequestError"


def lacks_funds(error: ClientError) -> bool:
    """Whether the account has not enough money for it."""
    return _turk_code(error).endswith("InsufficientFunds")


def _turk_code(error: ClientError) -> str:
    return str(error.response.get("TurkErrorCode", ""))
