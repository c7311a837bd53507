"""Admission of workers: each asks for the group qualification once and joins the smallest of the three groups."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count

from annotation.crowd.client import Crowd
from annotation.models import GroupQualification, Worker
from annotation.models.crowd import Kind

GROUP_NUMBER = {Kind.SEGMENT: 1, Kind.QUERY: 2, Kind.QA: 3}
QUALIFICATION_NAME = "HERO Bench annotator group"


def open_enrolment(environment: str) -> None:
    """Make the qualification requestable, so that workers can ask for it before the first batch."""
    group_qualification(Crowd(environment), environment)


def admit_workers(environment: str) -> int:
    """Give a group to everybody who asks, and return how many asked.

    The group is stored before the marketplace hears of it: a repeat after a crash grants the same one.
    """
    crowd = Crowd(environment)
    type_id = group_qualification(crowd, environment).qualification_type_id
    requests = crowd.enrolments(type_id)
    for request in requests:
        worker = _with_group(environment, request.worker_id)
        if not worker.blocked:
            crowd.grant(request.request_id, GROUP_NUMBER[Kind(worker.group)])
    return len(requests)


def group_qualification(crowd: Crowd, environment: str) -> GroupQualification:
    """Our group qualification in this environment, created there and remembered here."""
    known = GroupQualification.objects.filter(environment=environment).first()
    if known is not None:
        return known
    type_id = crowd.group_qualification(
        QUALIFICATION_NAME, "Joins one of three groups of annotators: marking moments, describing, or asking."
    )
    return GroupQualification.objects.get_or_create(
        environment=environment, defaults={"qualification_type_id": type_id}
    )[0]


@transaction.atomic
def _with_group(environment: str, worker_id: str) -> Worker:
    rows = Worker.objects.select_for_update(no_key=True)
    worker, _ = rows.get_or_create(environment=environment, worker_id=worker_id)
    if not worker.group:
        sizes = dict(
            Worker.objects.filter(environment=environment).values_list("group").order_by("group").annotate(Count("id"))
        )
        worker.group = min(GROUP_NUMBER, key=lambda kind: (sizes.get(kind, 0), GROUP_NUMBER[kind]))
        worker.save(update_fields=["group"])
    return worker
