"""Qualifications: what a worker holds, may request, and the tests."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation.marketplace.models import Qualification, QualificationRequest, QualificationType, Worker
from annotation.marketplace.questions import answer_key
from annotation.marketplace.questions.answer_xml import form_answers_document, read_answers
from annotation.marketplace.questions.form import parse_form_text
from annotation.marketplace.work import qualify
from annotation.marketplace.worker_site.authentication import worker_page
from annotation.marketplace.worker_site.forms import Sheet

Status = QualificationRequest.Status


@dataclass(frozen=True)
class Requestable:
    kind: QualificationType
    state: Literal["open", "waiting", "testing", "later", "never"]
    request: QualificationRequest | None
    again_at: dt.datetime | None = None


@require_safe
@worker_page
def qualification_list(request: HttpRequest, worker: Worker, now: dt.datetime) -> HttpResponse:
    held = Qualification.objects.filter(worker=worker).select_related("qualification_type__requester").order_by("id")
    context = {"held": held, "requestable": requestable_types(worker, now)}
    return render(request, "marketplace/qualifications.html", context)


def requestable_types(worker: Worker, now: dt.datetime) -> list[Requestable]:
    """Every qualification that the worker does not hold and that is offered to him, with how he stands to it."""
    kinds = (
        QualificationType.objects.filter(active=True, deleted_at=None, requester__active=True)
        .exclude(requester__block__worker=worker)
        .exclude(qualification__in=Qualification.objects.filter(worker=worker, granted=True))
        .select_related("requester")
        .order_by("id")
    )
    return [_requestable(kind, worker, now) for kind in kinds]


@require_POST
@worker_page
def request_qualification(request: HttpRequest, worker: Worker, now: dt.datetime, type_id: str) -> HttpResponse:
    kind = _active(type_id)
    state = _requestable(kind, worker, now)
    if state.state == "testing":
        return redirect("qualification-test", kind.public_id)
    if state.state != "open":
        messages.error(request, "You cannot request this qualification now.")
        return redirect("qualifications")
    try:
        with transaction.atomic():
            _open_request(kind, worker, now)
    except IntegrityError:
        messages.info(request, "You have requested this qualification already.")
        return redirect("qualifications")
    if kind.test:
        return redirect("qualification-test", kind.public_id)
    granted = "You have got it." if kind.auto_granted else "Its owner will decide."
    messages.success(request, f"Requested: {kind.name}. {granted}")
    return redirect("qualifications")


@require_http_methods(["GET", "HEAD", "POST"])
@worker_page
def qualification_test(request: HttpRequest, worker: Worker, now: dt.datetime, type_id: str) -> HttpResponse:
    kind = _active(type_id)
    sitting = QualificationRequest.objects.filter(
        qualification_type=kind, worker=worker, status=Status.TESTING, deadline__gt=now
    ).first()
    if sitting is None:
        messages.error(request, "There is no test for you here, or its time is over.")
        return redirect("qualifications")
    sheet = Sheet(parse_form_text(sitting.test, "the test"), request)
    if sheet.complete:
        _hand_in(sitting, sheet, now)
        messages.success(request, f"Your answers for {kind.name} have been received.")
        return redirect("qualifications")
    seconds = int((sitting.deadline - now).total_seconds()) if sitting.deadline else 0
    context = {"kind": kind, "sheet": sheet, "seconds_left": seconds, "minutes_left": seconds // 60}
    return render(request, "marketplace/qualification_test.html", context, status=400 if sheet.errors else 200)


def _active(type_id: str) -> QualificationType:
    return get_object_or_404(QualificationType, public_id=type_id, active=True, deleted_at=None)


def _requestable(kind: QualificationType, worker: Worker, now: dt.datetime) -> Requestable:
    last = QualificationRequest.objects.filter(qualification_type=kind, worker=worker).order_by("-id").first()
    if last is None:
        return Requestable(kind, "open", None)
    if last.status == Status.TESTING:
        return Requestable(kind, "testing", last)
    if last.status == Status.SUBMITTED:
        return Requestable(kind, "waiting", last)
    if kind.retry_delay_s is None:
        return Requestable(kind, "never", last)
    again_at = (last.submitted_at or last.started_at) + dt.timedelta(seconds=kind.retry_delay_s)
    return Requestable(kind, "open" if again_at <= now else "later", last, again_at)


def _open_request(kind: QualificationType, worker: Worker, now: dt.datetime) -> None:
    """One row; granted at once, waiting for the test, or waiting for the requester."""
    row = QualificationRequest(qualification_type=kind, worker=worker, test=kind.test, started_at=now)
    if kind.test and kind.test_duration_s is not None:
        row.status, row.deadline = Status.TESTING, now + dt.timedelta(seconds=kind.test_duration_s)
    elif kind.auto_granted:
        row.status, row.submitted_at = Status.GRANTED, now
        qualify.grant(kind, worker, kind.auto_granted_value, now)
    else:
        row.status, row.submitted_at = Status.SUBMITTED, now
    row.save()


def _hand_in(sitting: QualificationRequest, sheet: Sheet, now: dt.datetime) -> None:
    """Store the answers; a type with an answer key grants its score at once, otherwise the requester decides."""
    kind = sitting.qualification_type
    answer = form_answers_document(sheet.form, sheet.values)
    with transaction.atomic():
        status = Status.GRANTED if kind.answer_key else Status.SUBMITTED
        handed_in = QualificationRequest.objects.filter(pk=sitting.pk, status=Status.TESTING).update(
            status=status, answer=answer, submitted_at=now
        )
        if handed_in and kind.answer_key:
            qualify.grant(kind, sitting.worker, answer_key.parse(kind.answer_key).value(read_answers(answer)), now)
