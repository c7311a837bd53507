"""Lists of HITs."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from annotation.marketplace.models import Hit, Requester
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.operations.serializers import hit_members
from annotation.marketplace.protocol.pagination import listing, page
from annotation.marketplace.work.lifecycle import reviewable
from annotation.marketplace.work.qualify import SYSTEM


@operation("ListHITs")
def list_hits(requester: Requester, members: Members, now: dt.datetime) -> Members:
    return _list("ListHITs", requester, members, _living(requester), now)


@operation("ListReviewableHITs")
def list_reviewable_hits(requester: Requester, members: Members, now: dt.datetime) -> Members:
    status = members.get("Status", "Reviewable")
    hits = _living(requester).filter(reviewable(now), reviewing=status == "Reviewing")
    if "HITTypeId" in members:
        hits = hits.filter(hit_type=lookup.hit_type_of(requester, members["HITTypeId"]))
    return _list("ListReviewableHITs", requester, members, hits, now)


@operation("ListHITsForQualificationType")
def list_hits_for_qualification_type(requester: Requester, members: Members, now: dt.datetime) -> Members:
    type_id = members["QualificationTypeId"]
    if type_id not in SYSTEM:
        lookup.qualification_type_of(requester, type_id)
    hits = _living(requester).filter(hit_type__requirements__contains=[{"QualificationTypeId": type_id}])
    return _list("ListHITsForQualificationType", requester, members, hits, now)


def _living(requester: Requester) -> QuerySet[Hit]:
    return Hit.objects.filter(requester=requester, disposed_at=None).select_related("hit_type", "layout")


def _list(
    operation_name: str, requester: Requester, members: Members, hits: QuerySet[Hit], now: dt.datetime
) -> Members:
    shown, token = page(operation_name, requester, members, hits, newest_first=True)
    return listing("HITs", [hit_members(hit, now) for hit in shown], token)
