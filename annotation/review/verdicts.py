"""Verdicts: a person accepts an answer, pays without using it, or rejects it. The marketplace hears of it later."""

from __future__ import annotations

from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from annotation.models import Assignment
from annotation.review.answer_forms import ANSWER_FORMS
from annotation.task_names import PUSH_DECISION
from benchmark_site.jobs.enqueue import enqueue


class Verdict(StrEnum):
    """What a reviewer says of an answer."""

    USE = "use"
    PAY = "pay"  # paid, left out of the data
    REJECT = "reject"


class ReviewError(Exception):
    """The decision is not possible; the message says why."""


def decide(assignment_id: int, verdict: Verdict, user: User | None, feedback: str = "") -> Assignment:
    """Record a verdict; items are made in the same transaction, the marketplace is told after it.

    The first of two reviewers wins. What the marketplace has paid by itself, days after it came, can still be used or
    left out. Raises ReviewError on a second decision, on a rejection without a reason and on
    the use of an answer that is not valid.
    """
    if verdict == Verdict.REJECT and not feedback.strip():
        raise ReviewError("a rejection needs a reason: the worker reads it")
    with transaction.atomic():
        assignment = (
            Assignment.objects.select_for_update(of=("self",))
            .select_related("hit__batch", "hit__clip__video", "hit__segment__clip__video", "worker")
            .get(pk=assignment_id)
        )
        paid = assignment.state == Assignment.State.APPROVED and assignment.reviewed_at is None
        if assignment.state != Assignment.State.SUBMITTED and not paid:
            raise ReviewError(f"{assignment} is already decided: {assignment.get_state_display()}")
        if paid and verdict == Verdict.REJECT:
            raise ReviewError(f"the marketplace has approved and paid {assignment} by itself: leave it out instead")
        if verdict == Verdict.USE:
            blocked_at = assignment.worker.blocked_at
            if blocked_at is not None and assignment.submitted_at >= blocked_at:
                raise ReviewError(f"{assignment.worker} was blocked when it came: pay or reject it")
            if assignment.payload is None:
                raise ReviewError(f"{assignment} holds no valid answer: pay or reject it")
            form = ANSWER_FORMS[assignment.hit.batch.kind]
            assignment.used = form.make_item(assignment, assignment.payload)
        if not paid:
            rejecting = verdict == Verdict.REJECT
            assignment.state = Assignment.State.REJECTING if rejecting else Assignment.State.APPROVING
        assignment.feedback = feedback
        assignment.reviewed_by_id = None if user is None else user.pk
        assignment.reviewed_at = timezone.now()
        assignment.save()
        if not paid:
            enqueue(PUSH_DECISION, assignment_id=assignment_id)
    return assignment
