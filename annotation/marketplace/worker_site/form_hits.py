"""HITs that ask by QuestionForm: the answers come from a page of this site."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from annotation.marketplace.models import Assignment, UploadedFile, Worker
from annotation.marketplace.questions.answer_xml import form_answers_document
from annotation.marketplace.questions.form import QuestionForm
from annotation.marketplace.questions.question import parse_question
from annotation.marketplace.work import lifecycle, review_policies
from annotation.marketplace.worker_site.authentication import worker_page
from annotation.marketplace.worker_site.forms import Sheet


@require_http_methods(["GET", "HEAD", "POST"])
@worker_page
def answer_form(request: HttpRequest, worker: Worker, now: dt.datetime, assignment_id: str) -> HttpResponse:
    assignment = get_object_or_404(
        Assignment.objects.select_related("hit__hit_type__requester"),
        worker=worker, public_id=assignment_id, status=Assignment.Status.ACCEPTED,
    )  # fmt: skip
    question = parse_question(assignment.hit.question)
    if not isinstance(question, QuestionForm):
        return redirect("assignment", assignment_id)
    sheet = Sheet(question, request)
    if sheet.complete:
        if _submit(assignment, sheet, now):
            messages.success(request, "Your answers have been received.")
        else:
            messages.error(request, "The time for this assignment is over, or you have returned it.")
        return redirect("group", assignment.hit.hit_type.public_id)
    seconds = int(assignment.time_left(now).total_seconds())
    context = {
        "assignment": assignment, "hit_type": assignment.hit.hit_type, "sheet": sheet,
        "seconds_left": seconds, "minutes_left": seconds // 60,
    }  # fmt: skip
    return render(request, "marketplace/answer_form.html", context, status=400 if sheet.errors else 200)


def _submit(assignment: Assignment, sheet: Sheet, now: dt.datetime) -> bool:
    with transaction.atomic():
        for question_id, upload in sheet.files.items():
            UploadedFile.objects.update_or_create(
                assignment=assignment,
                question_id=question_id,
                defaults={"name": (upload.name or "file")[:255], "content": upload.read()},
            )
        answer = form_answers_document(sheet.form, sheet.values)
        return lifecycle.submit(assignment, answer, now, review_policies.run)
