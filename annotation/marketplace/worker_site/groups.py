"""The list of HIT groups, and the preview of one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from annotation.marketplace.models import Block, HitType, QualificationType, Worker
from annotation.marketplace.work import lifecycle, qualify
from annotation.marketplace.work.qualify import Access, Holdings
from annotation.marketplace.worker_site.authentication import worker_page
from annotation.marketplace.worker_site.qualification_pages import Requestable, requestable_types
from annotation.marketplace.worker_site.task_frame import Frame, preview_frame


@dataclass(frozen=True)
class Group:
    """HITs of one type that this worker may still take."""

    hit_type: HitType
    available: int
    access: Access


@require_safe
@worker_page
def group_list(request: HttpRequest, worker: Worker, now: dt.datetime) -> HttpResponse:
    groups = _groups(worker, now)
    hidden = [group for group in groups if not group.access.discover]
    reachable, openers, others = _openers(hidden, worker, now)
    unmet = [group for group in groups if not group.access.accept and group.access.discover]
    context = {
        "groups": [group for group in groups if group.access.accept],
        "closed_groups": [(group, requirement_lines(group.access)) for group in unmet],
        "reachable": reachable,
        "openers": openers,
        "others": others,
    }
    return render(request, "marketplace/groups.html", context)


@require_safe
@worker_page
def preview(request: HttpRequest, worker: Worker, now: dt.datetime, hit_type_id: str) -> HttpResponse:
    hit_type = get_object_or_404(HitType.objects.select_related("requester"), public_id=hit_type_id)
    if Block.objects.filter(requester=hit_type.requester, worker=worker).exists():
        raise Http404("This requester does not work with you")
    access = qualify.access(hit_type.requirements, Holdings.of(worker))
    if not access.discover:
        raise Http404("This group asks for a qualification that you do not hold")
    hit = lifecycle.open_hits(worker, now).filter(hit_type=hit_type).first()
    frame: Frame | None = preview_frame(hit) if hit is not None and access.preview else None
    context = {
        "hit_type": hit_type,
        "available": lifecycle.open_hits(worker, now).filter(hit_type=hit_type).count(),
        "access": access,
        "requirements": requirement_lines(access),
        "frame": frame,
    }
    return render(request, "marketplace/preview.html", context)


def requirement_lines(access: Access) -> list[str]:
    """Unmet requirements as a worker reads them."""
    names = dict(
        QualificationType.objects.filter(
            public_id__in=[requirement["QualificationTypeId"] for requirement in access.unmet]
        ).values_list("public_id", "name")
    )
    return [_line(requirement, names) for requirement in access.unmet]


COMPARATOR_WORDS = {
    "LessThan": "less than",
    "LessThanOrEqualTo": "at most",
    "GreaterThan": "more than",
    "GreaterThanOrEqualTo": "at least",
    "EqualTo": "exactly",
    "NotEqualTo": "not",
    "Exists": "has been granted",
    "DoesNotExist": "has not been granted",
    "In": "one of",
    "NotIn": "none of",
}


def _line(requirement: qualify.Requirement, names: dict[str, str]) -> str:
    type_id = requirement["QualificationTypeId"]
    name = names.get(type_id) or qualify.SYSTEM.get(type_id, ("A qualification",))[0]
    values = [str(value) for value in requirement.get("IntegerValues", [])]
    values += ["-".join(locale.values()) for locale in requirement.get("LocaleValues", [])]
    return f"{name}: {COMPARATOR_WORDS[requirement['Comparator']]} {', '.join(values)}".strip()


def _openers(hidden: list[Group], worker: Worker, now: dt.datetime) -> tuple[int, list[Requestable], int]:
    """How many hidden HITs this worker may come to, the qualifications for it, and how many others there are.

    What a hidden group is, and which value it asks for, stays hidden, as its requester wants it.
    """
    offered = {item.kind.public_id: item for item in requestable_types(worker, now)}
    reachable, openers, others = 0, set(), 0
    for group in hidden:
        wanted = {requirement["QualificationTypeId"] for requirement in group.access.unmet}
        if wanted <= offered.keys():
            reachable += group.available
            openers |= wanted
        else:
            others += group.available
    return reachable, [offered[type_id] for type_id in sorted(openers)], others


def _groups(worker: Worker, now: dt.datetime) -> list[Group]:
    """Groups with work left for this worker, in the order in which they were made."""
    counts = dict(
        lifecycle.open_hits(worker, now)
        .order_by()
        .values("hit_type")
        .annotate(n=Count("id"))
        .values_list("hit_type", "n")
    )
    blocked = Block.objects.filter(worker=worker).values("requester")
    types = (
        HitType.objects.filter(pk__in=counts, requester__active=True)
        .exclude(requester__in=blocked)
        .select_related("requester")
        .order_by("id")
    )
    holdings = Holdings.of(worker)
    return [Group(hit_type, counts[hit_type.pk], qualify.access(hit_type.requirements, holdings)) for hit_type in types]
