"""Qualification types."""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.db.models import Q

from annotation.marketplace.models import HitType, QualificationRequest, QualificationType, Requester
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.operations.serializers import qualification_type_members, system_type_members
from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.protocol.pagination import listing, page_then
from annotation.marketplace.questions import answer_key
from annotation.marketplace.questions.form import parse_form_text
from annotation.marketplace.work.qualify import SYSTEM


@operation("CreateQualificationType")
def create(requester: Requester, members: Members, now: dt.datetime) -> Members:
    kind = QualificationType(
        requester=requester,
        name=members["Name"].strip(),
        description=members["Description"],
        keywords=members.get("Keywords", ""),
        active=members["QualificationTypeStatus"] == "Active",
        retry_delay_s=members.get("RetryDelayInSeconds"),
        created_at=now,
    )
    _apply_test(kind, members)
    _apply_auto_grant(kind, members)
    try:
        with transaction.atomic():
            kind.save()
    except IntegrityError:
        raise refused(
            "QualificationTypeAlreadyExists",
            f"You have already created a QualificationType with this name: {kind.name}",
        ) from None
    return {"QualificationType": qualification_type_members(kind)}


@operation("UpdateQualificationType")
def update(requester: Requester, members: Members, now: dt.datetime) -> Members:
    kind = lookup.qualification_type_of(requester, members["QualificationTypeId"])
    if "Description" in members:
        kind.description = members["Description"]
    if "QualificationTypeStatus" in members:
        kind.active = members["QualificationTypeStatus"] == "Active"
    if "RetryDelayInSeconds" in members:
        kind.retry_delay_s = members["RetryDelayInSeconds"]
    _apply_test(kind, members)
    _apply_auto_grant(kind, members)
    kind.save()
    return {"QualificationType": qualification_type_members(kind)}


@operation("GetQualificationType")
def get(requester: Requester, members: Members, now: dt.datetime) -> Members:
    type_id = members["QualificationTypeId"]
    if type_id in SYSTEM:
        return {"QualificationType": system_type_members(type_id)}
    kind = QualificationType.objects.filter(public_id=type_id, deleted_at=None).first()
    if kind is None:
        raise refused("QualificationTypeDoesNotExist", f"QualificationType {type_id} does not exist.")
    return {"QualificationType": qualification_type_members(kind, to_owner=kind.requester_id == requester.pk)}


@operation("DeleteQualificationType")
def delete(requester: Requester, members: Members, now: dt.datetime) -> Members:
    """Workers keep what they hold, for HITs that still ask for it; waiting requests are rejected."""
    kind = lookup.qualification_type_of(requester, members["QualificationTypeId"])
    kind.deleted_at = now
    kind.active = False
    kind.save(update_fields=["deleted_at", "active"])
    waiting = (QualificationRequest.Status.TESTING, QualificationRequest.Status.SUBMITTED)
    QualificationRequest.objects.filter(qualification_type=kind, status__in=waiting).update(
        status=QualificationRequest.Status.REJECTED, reason="The qualification type was deleted"
    )
    HitType.objects.filter(
        requester=requester, requirements__contains=[{"QualificationTypeId": kind.public_id}]
    ).update(deleted=True)
    return {}


@operation("ListQualificationTypes")
def list_types(requester: Requester, members: Members, now: dt.datetime) -> Members:
    rows = QualificationType.objects.filter(deleted_at=None)
    if members.get("MustBeOwnedByCaller", False):
        rows = rows.filter(requester=requester)
    if members["MustBeRequestable"]:
        rows = rows.filter(active=True)
    query = members.get("Query", "")
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(description__icontains=query) | Q(keywords__icontains=query))
    system = [] if members["MustBeRequestable"] or members.get("MustBeOwnedByCaller") else _system_types(query)
    shown, system_ids, token = page_then("ListQualificationTypes", requester, members, rows, system)
    types = [qualification_type_members(kind, to_owner=kind.requester_id == requester.pk) for kind in shown]
    types += [system_type_members(type_id) for type_id in system_ids]
    return listing("QualificationTypes", types, token)


def _system_types(query: str) -> list[str]:
    return [type_id for type_id, words in SYSTEM.items() if query.lower() in " ".join(words).lower()]


def _apply_test(kind: QualificationType, members: Members) -> None:
    if "Test" not in members:
        if "AnswerKey" in members or "TestDurationInSeconds" in members:
            raise refused("AWS.MissingParameters", "AnswerKey and TestDurationInSeconds need the Test beside them")
        return
    if "TestDurationInSeconds" not in members:
        raise refused("AWS.MissingParameters", "Test needs TestDurationInSeconds")
    form = parse_form_text(members["Test"], "Test")
    if any(question.kind == "file" for question in form.fields):
        raise refused("InvalidQuestion", "A qualification test cannot ask for a file")
    if "AnswerKey" in members:
        answer_key.parse(members["AnswerKey"])
    kind.test = members["Test"]
    kind.answer_key = members.get("AnswerKey", "")
    kind.test_duration_s = members["TestDurationInSeconds"]


def _apply_auto_grant(kind: QualificationType, members: Members) -> None:
    kind.auto_granted = members.get("AutoGranted", kind.auto_granted)
    kind.auto_granted_value = members.get("AutoGrantedValue", kind.auto_granted_value)
    if kind.auto_granted and kind.test:
        raise refused("InvalidQualificationTypeState", "A type with a Test cannot be AutoGranted")
