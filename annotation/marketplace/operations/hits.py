"""Making HITs and HIT types, and changing them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from decimal import Decimal

from django.db import IntegrityError, transaction

from annotation.marketplace.models import Hit, HitType, Requester
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.operations.serializers import hit_members
from annotation.marketplace.protocol import idempotency
from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.questions import layouts
from annotation.marketplace.questions.question import parse_question
from annotation.marketplace.work import lifecycle, review_policies
from annotation.marketplace.work.qualify import check_requirements

DEFAULT_AUTO_APPROVAL_S = 2_592_000  # 30 days
DEFAULT_MAX_ASSIGNMENTS = 1


@operation("CreateHITType")
def create_hit_type(requester: Requester, members: Members, now: dt.datetime) -> Members:
    return {"HITTypeId": _hit_type(requester, members, now).public_id}


@operation("CreateHIT")
def create_hit(requester: Requester, members: Members, now: dt.datetime) -> Members:
    return _create(requester, _hit_type(requester, members, now), members, now)


@operation("CreateHITWithHITType")
def create_hit_with_hit_type(requester: Requester, members: Members, now: dt.datetime) -> Members:
    return _create(requester, lookup.hit_type_of(requester, members["HITTypeId"]), members, now)


@operation("GetHIT")
def get_hit(requester: Requester, members: Members, now: dt.datetime) -> Members:
    return {"HIT": hit_members(lookup.hit_of(requester, members["HITId"]), now)}


@operation("UpdateExpirationForHIT")
def update_expiration(requester: Requester, members: Members, now: dt.datetime) -> Members:
    hit = lookup.hit_of(requester, members["HITId"])
    lifecycle.set_expiration(hit.pk, members["ExpireAt"], now)
    return {}


@operation("UpdateHITReviewStatus")
def update_review_status(requester: Requester, members: Members, now: dt.datetime) -> Members:
    hit = lookup.hit_of(requester, members["HITId"])
    lifecycle.set_reviewing(hit.pk, not members.get("Revert", False), now)
    return {}


@operation("UpdateHITTypeOfHIT")
def update_hit_type(requester: Requester, members: Members, now: dt.datetime) -> Members:
    hit = lookup.hit_of(requester, members["HITId"])
    lifecycle.change_type(hit.pk, lookup.hit_type_of(requester, members["HITTypeId"]), now)
    return {}


@operation("CreateAdditionalAssignmentsForHIT")
def create_additional_assignments(requester: Requester, members: Members, now: dt.datetime) -> Members:
    hit = lookup.hit_of(requester, members["HITId"])
    token = members.get("UniqueRequestToken")
    if token and idempotency.reserve(requester, "extend", token, hit.public_id, now):
        raise refused("DuplicateRequest", f"The request with UniqueRequestToken {token} has already been processed")
    lifecycle.extend(hit.pk, members["NumberOfAdditionalAssignments"], now)
    return {}


@operation("DeleteHIT")
def delete_hit(requester: Requester, members: Members, now: dt.datetime) -> Members:
    lifecycle.dispose(lookup.hit_of(requester, members["HITId"]).pk, now)
    return {}


def _hit_type(requester: Requester, members: Members, now: dt.datetime) -> HitType:
    """The requester's HIT type with exactly these values, made if there is none."""
    requirements = members.get("QualificationRequirements", [])
    check_requirements(requirements, requester)
    values = {
        "title": members["Title"],
        "description": members["Description"],
        "keywords": members.get("Keywords", ""),
        "reward": str(Decimal(members["Reward"]).quantize(Decimal("0.01"))),
        "assignment_duration_s": members["AssignmentDurationInSeconds"],
        "auto_approval_delay_s": members.get("AutoApprovalDelayInSeconds", DEFAULT_AUTO_APPROVAL_S),
        "requirements": requirements,
    }
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    mine = HitType.objects.filter(requester=requester, digest=digest)
    found = mine.first()
    if found is None:
        try:
            with transaction.atomic():
                reward = Decimal(values.pop("reward"))
                return HitType.objects.create(
                    requester=requester, digest=digest, created_at=now, reward=reward, **values
                )
        except IntegrityError:  # a call beside this one made it
            found = mine.get()
    return found


def _create(requester: Requester, hit_type: HitType, members: Members, now: dt.datetime) -> Members:
    if ("Question" in members) == ("HITLayoutId" in members):
        raise refused("AWS.MissingParameters", "Either Question or HITLayoutId must be given, and not both")
    layout = None
    if "HITLayoutId" in members:
        layout = layouts.layout_of(requester, members["HITLayoutId"])
        question = layouts.fill(layout, members.get("HITLayoutParameters", []))
    else:
        question = members["Question"]
    parse_question(question)
    review_policies.check(members.get("AssignmentReviewPolicy"), members.get("HITReviewPolicy"))
    hit = Hit(
        requester=requester,
        hit_type=hit_type,
        layout=layout,
        question=question,
        annotation=members.get("RequesterAnnotation", ""),
        created_at=now,
        expires_at=now + dt.timedelta(seconds=members["LifetimeInSeconds"]),
        max_assignments=members.get("MaxAssignments", DEFAULT_MAX_ASSIGNMENTS),
        assignment_review_policy=members.get("AssignmentReviewPolicy"),
        hit_review_policy=members.get("HITReviewPolicy"),
    )
    token = members.get("UniqueRequestToken")
    if token:
        earlier = idempotency.reserve(requester, "hit", token, hit.public_id, now)
        if earlier:
            raise refused("HitAlreadyExists", f"The requested HIT already exists: HITId={earlier}")
    lifecycle.create(hit, requester, now)
    return {"HIT": hit_members(hit, now)}
