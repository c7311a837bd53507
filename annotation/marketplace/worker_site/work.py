"""Taking, doing and giving back one assignment; what a worker has done so far."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.contrib.postgres.aggregates import StringAgg
from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotation.marketplace.models import Assignment, Block, BonusPayment, HitType, Message, Worker
from annotation.marketplace.money import payments
from annotation.marketplace.work import lifecycle, qualify
from annotation.marketplace.work.qualify import Holdings
from annotation.marketplace.worker_site.authentication import worker_page
from annotation.marketplace.worker_site.task_frame import assignment_frame

PAGE_SIZE = 50


@require_POST
@worker_page
def accept(request: HttpRequest, worker: Worker, now: dt.datetime, hit_type_id: str) -> HttpResponse:
    hit_type = get_object_or_404(HitType, public_id=hit_type_id)
    if Block.objects.filter(requester=hit_type.requester_id, worker=worker).exists():
        messages.error(request, "You cannot work on this requester's HITs.")
        return redirect("groups")
    if hit_type.requirements and not qualify.access(hit_type.requirements, Holdings.of(worker)).accept:
        messages.error(request, "This work asks for qualifications that you do not hold.")
        return redirect("groups")
    try:
        assignment = lifecycle.accept(hit_type, worker, now)
    except lifecycle.TooManyHeld:
        messages.error(
            request, f"You hold {lifecycle.MAX_HELD_BY_WORKER} assignments. Submit or return one before you take more."
        )
        return redirect("my-work")
    if assignment is None:
        messages.info(request, "Nothing is left for you in this group.")
        return redirect("groups")
    return redirect("assignment", assignment.public_id)


@require_safe
@worker_page
def assignment_page(request: HttpRequest, worker: Worker, now: dt.datetime, assignment_id: str) -> HttpResponse:
    assignment = _latest(worker, assignment_id)
    if assignment.status != Assignment.Status.ACCEPTED:
        return render(request, "marketplace/assignment_over.html", {"assignment": assignment})
    context = {
        "assignment": assignment,
        "hit_type": assignment.hit.hit_type,
        "frame": assignment_frame(assignment, worker),
        "seconds_left": int(assignment.time_left(now).total_seconds()),
        "minutes_left": int(assignment.time_left(now).total_seconds()) // 60,
    }
    return render(request, "marketplace/assignment.html", context)


@require_POST
@worker_page
def return_assignment(request: HttpRequest, worker: Worker, now: dt.datetime, assignment_id: str) -> HttpResponse:
    assignment = _latest(worker, assignment_id)
    if lifecycle.give_back(assignment, "Returned", now):
        messages.info(request, "You have returned the assignment. Others can take it now.")
    else:
        messages.error(request, "This assignment was over already.")
    return redirect("groups")


@require_safe
@worker_page
def my_work(request: HttpRequest, worker: Worker, now: dt.datetime) -> HttpResponse:
    rows = Assignment.objects.filter(worker=worker).select_related("hit__hit_type__requester").order_by("-id")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    paid = BonusPayment.objects.filter(assignment__in=list(page)).values("assignment").order_by("assignment")
    bonuses = {row["assignment"]: row for row in paid.annotate(total=Sum("amount"), why=StringAgg("reason", "; "))}
    context = {
        "page": page,
        "rows": [(row, bonuses.get(row.pk)) for row in page],
        "earned": payments.earned(worker),
        "worker": worker,
    }
    return render(request, "marketplace/work.html", context)


@require_safe
@worker_page
def inbox(request: HttpRequest, worker: Worker, now: dt.datetime) -> HttpResponse:
    rows = Message.objects.filter(worker=worker).select_related("requester").order_by("-id")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "marketplace/messages.html", {"page": page})


def _latest(worker: Worker, assignment_id: str) -> Assignment:
    """The worker's newest turn under this id: after a return the same id may come back to the same worker."""
    rows = Assignment.objects.filter(worker=worker, public_id=assignment_id).select_related("hit__hit_type__requester")
    return get_object_or_404(rows.order_by("-id")[:1])
