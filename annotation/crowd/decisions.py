"""What a reviewer decided reaches the marketplace; the ledger books what that paid."""

from __future__ import annotations

import hashlib

from django.db import transaction
from django.db.models import F

from annotation.crowd.client import Crowd
from annotation.models import Assignment, Batch, Hit
from annotation.review import ledger


def push_decision(assignment_id: int) -> None:
    """Tell the marketplace what was decided and book what it paid. Safe to repeat: it asks before it believes."""
    with transaction.atomic():
        assignment = (
            Assignment.objects.select_for_update(of=("self",))
            .select_related("hit__batch")
            .filter(pk=assignment_id, state__in=[Assignment.State.APPROVING, Assignment.State.REJECTING])
            .first()
        )
        if assignment is None:
            return
        crowd = Crowd(assignment.hit.batch.environment)
        if assignment.state == Assignment.State.APPROVING:
            now = crowd.approve(assignment.assignment_id)
        else:
            now = crowd.reject(assignment.assignment_id, assignment.feedback)
            if now == "Rejected":
                _ask_again(crowd, assignment)
        if now == "Approved":
            ledger.pay(assignment)
        assignment.state = Assignment.State.APPROVED if now == "Approved" else Assignment.State.REJECTED
        assignment.save(update_fields=["state"])
        _finish(assignment.hit)


def _ask_again(crowd: Crowd, assignment: Assignment) -> None:
    """Replace a rejected answer by one more assignment of the same HIT (another worker's, by the protocol)."""
    hit = assignment.hit
    assert hit.hit_id is not None
    if hit.wanted >= 9:  # a HIT made with fewer than ten assignments can never reach ten
        return
    crowd.extend(hit.hit_id, hashlib.sha256(f"replace|{assignment.pk}".encode()).hexdigest())
    Hit.objects.filter(pk=hit.pk).update(wanted=F("wanted") + 1)


def _finish(hit: Hit) -> None:
    """Close the HIT when as many answers as ordered are paid, and the batch when all its HITs are closed.

    Locked, because two payments of one HIT that do not see each other would both leave it open.
    """
    Batch.objects.select_for_update().get(pk=hit.batch_id)
    paid = hit.assignments.filter(state=Assignment.State.APPROVED).count()
    if paid >= hit.batch.assignments_per_hit:
        Hit.objects.filter(pk=hit.pk).update(state=Hit.State.DONE)
        if not hit.batch.hits.exclude(state=Hit.State.DONE).exists():
            Batch.objects.filter(pk=hit.batch_id).update(state=Batch.State.CLOSED)
