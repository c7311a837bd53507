"""What a reviewer decided reaches the marketplace; the ledger books what that paid."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from annotation.crowd.client import Crowd
from annotation.crowd.extra import ask_one_more
from annotation.crowd.standing import counts_after_verdict, wanted_in
from annotation.models import Assignment, Batch, Finding, Hit
from annotation.review import evidence, ledger
from annotation.review.verdicts import REJECTED, keep_share, may_ask_again, share_of


def push_decision(assignment_id: int) -> None:
    """Tell the marketplace what was decided and book what it paid. Safe to repeat: it asks before it believes."""
    deciding = Assignment.objects.filter(
        pk=assignment_id, state__in=[Assignment.State.APPROVING, Assignment.State.REJECTING]
    )
    assignment = deciding.select_related("hit__batch").first()
    if assignment is None:
        return
    # Nobody waits for a lock while the marketplace answers: of two who tell it the same, the second books nothing.
    crowd = Crowd(assignment.hit.batch.environment)
    if assignment.state == Assignment.State.APPROVING:
        now = crowd.approve(assignment.assignment_id)
        wished, why = assignment.again and now == "Approved", "again"
        possible = may_ask_again(assignment.hit)  # its time may have come to an end since the verdict
    else:
        now = crowd.reject(assignment.assignment_id, assignment.feedback)
        wished, why, possible = now == "Rejected", "replace", True
    more = wished and possible and ask_one_more(crowd, assignment.hit, f"{why} {assignment.pk}")
    with transaction.atomic():
        # The HIT first, everywhere: what is held for it and how many answers it has must not change meanwhile.
        hit = Hit.objects.select_for_update(of=("self",)).select_related("batch").get(pk=assignment.hit_id)
        waiting = deciding.select_for_update(of=("self",)).first()
        if waiting is None:
            return
        waiting.hit = hit
        record(waiting, now)
        if wished and not more:
            why_not = "the unit has nine answers, its time is over, or it is gone at the marketplace"
            note(waiting, f"nobody else can be asked: {why_not}")
        another = more and why == "again"  # paid as well, where a rejected one is replaced
        if another and wanted_in(hit.counts) <= hit.wanted:  # else a pass has read it meanwhile, and holds it
            ledger.hold_one_more(hit, f"again:{assignment_id}")
        Hit.objects.filter(pk=hit.pk).update(
            revision=F("revision") + 1,
            wanted=F("wanted") + int(more),
            extra=F("extra") + int(another),
            # What is held for a rejected one, the next pass has to read.
            counts=counts_after_verdict(hit.counts) if now == "Approved" and not more else hit.counts,
        )
        finish(hit)


def record(assignment: Assignment, now: str, feedback: str = "") -> bool:
    """Take over what the marketplace says of an answer: its word is final. False where we knew.

    The caller holds the locks of HIT and assignment. What contradicts a verdict becomes a finding: nobody's rejection
    turns into a payment, and no accepted item loses its pay, without a line on the batch's page.
    """
    before, share = assignment.state, share_of([assignment])
    if now == "Approved":
        ledger.pay(assignment)
        assignment.state = Assignment.State.APPROVED
        if before in REJECTED:
            note(assignment, "rejected too late: the marketplace had approved and paid it. It is not used")
    elif now == "Rejected" and before != Assignment.State.REJECTED:
        assignment.state = Assignment.State.REJECTED
        if before == Assignment.State.SUBMITTED:
            assignment.feedback, assignment.reviewed_at = feedback, timezone.now()
            note(assignment, "rejected at the marketplace, not by a reviewer here")
        elif before != Assignment.State.REJECTING:
            used = "; what it says is in the data" if assignment.used else ""
            note(assignment, f"accepted here and rejected at the marketplace: its worker is not paid{used}")
    elif now == "Submitted" and before == Assignment.State.APPROVED:
        assignment.state = Assignment.State.APPROVING  # it has forgotten our verdict, or we its clock: tell it again
    elif now == "Submitted" and before == Assignment.State.REJECTED:
        assignment.state = Assignment.State.REJECTING
    assignment.save(update_fields=["state", "feedback", "reviewed_at"])
    if (assignment.state in REJECTED) != (before in REJECTED):  # its word about the unit's others counts, or no longer
        evidence.look_at_unit(assignment.hit)
    keep_share(assignment.hit.batch_id, share, share_of([assignment]))
    return assignment.state != before


def note(assignment: Assignment, text: str) -> None:
    """Leave a finding about an answer on the page of its batch, once."""
    batch = assignment.hit.batch
    Finding.objects.get_or_create(
        environment=batch.environment, subject=assignment.assignment_id, text=text, defaults={"batch": batch}
    )


def finish(hit: Hit) -> None:
    """Close the HIT when as many answers as ordered are paid, and the batch when all its HITs are closed.

    Locked, because two payments of one HIT that do not see each other would both leave it open.
    """
    batch = Batch.objects.select_for_update().get(pk=hit.batch_id)
    paid = hit.assignments.filter(state=Assignment.State.APPROVED).count()
    extra = Hit.objects.values_list("extra", flat=True).get(pk=hit.pk)
    if paid >= batch.assignments_per_hit + extra:
        Hit.objects.filter(pk=hit.pk).update(state=Hit.State.DONE)
    if not batch.hits.filter(state__in=[Hit.State.WAITING, Hit.State.OPEN]).exists() and not unsettled(batch):
        running = [Batch.State.OPEN, Batch.State.PAUSED, Batch.State.CLOSING]
        Batch.objects.filter(pk=batch.pk, state__in=running).update(state=Batch.State.CLOSED)


def unsettled(batch: Batch) -> bool:
    """Whether an answer waits for a verdict, or the marketplace for ours."""
    settled = [Assignment.State.APPROVED, Assignment.State.REJECTED]
    return Assignment.objects.filter(hit__batch=batch).exclude(state__in=settled).exists()
