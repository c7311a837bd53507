"""The state machine of HITs and assignments.

Every move locks the HIT's row first, then looks at the assignment again: two moves of one HIT run one after the
other, and the counters equal the rows. A HIT's status is a function of its row and the time:

    Assignable     a free slot, not expired
    Unassignable   no slot to take, but somebody still works on one
    Reviewable     no slot to take, nobody works        <-> Reviewing, by the requester
    Disposed       deleted, or 120 days after its end
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from annotation.marketplace.models import Assignment, Hit, HitType, Requester, Worker
from annotation.marketplace.money import payments
from annotation.marketplace.protocol.errors import refused
from annotation.marketplace.work import notices

Status = Assignment.Status
# What follows a submission is a parameter: review policies approve, reject and extend by this module.
OnSubmitted = Callable[[Hit, Assignment, dt.datetime], None]
HitStatus = Literal["Assignable", "Unassignable", "Reviewable", "Reviewing", "Disposed"]

DISPOSAL_AFTER = dt.timedelta(days=120)
OVERRIDE_WITHIN = dt.timedelta(days=30)
MAX_HELD_BY_WORKER = 25  # accepted and not yet submitted

FULL = Q(max_assignments=F("pending") + F("submitted") + F("approved") + F("rejected"))


def hit_status(hit: Hit, now: dt.datetime) -> HitStatus:
    if hit.disposed_at is not None:
        return "Disposed"
    if hit.free_slots > 0 and hit.expires_at > now:
        return "Assignable"
    if hit.pending > 0:
        return "Unassignable"
    return "Reviewing" if hit.reviewing else "Reviewable"


def reviewable(now: dt.datetime) -> Q:
    """The rows whose `hit_status` is Reviewable or Reviewing."""
    return Q(disposed_at=None, pending=0) & (FULL | Q(expires_at__lte=now))


def open_hits(worker: Worker, now: dt.datetime) -> QuerySet[Hit]:
    """HITs with a slot that this worker may still take, qualifications apart; oldest first."""
    return _free(now).filter(~Exists(_turns(worker).filter(status__in=Assignment.OPEN)))


def _free(now: dt.datetime) -> QuerySet[Hit]:
    """HITs with a slot that somebody may take, oldest first."""
    return Hit.objects.filter(
        disposed_at=None,
        expires_at__gt=now,
        max_assignments__gt=F("pending") + F("submitted") + F("approved") + F("rejected"),
    ).order_by("id")


def _turns(worker: Worker) -> QuerySet[Assignment]:
    """Those that a worker has had at the HIT of the query around this one."""
    return Assignment.objects.filter(hit=OuterRef("pk"), worker=worker)


class TooManyHeld(Exception):
    """The worker holds as many accepted assignments as one may."""


def accept(hit_type: HitType, worker: Worker, now: dt.datetime) -> Assignment | None:
    """Give the worker a slot of the group's oldest HIT it may still take; None when nothing is left.

    HITs this worker has returned come after the others. A HIT that another worker is taking at this very moment is
    skipped at first; only when nothing else is left do we wait for it, since it may have a second slot.
    Raises TooManyHeld.
    """
    held = Assignment.objects.filter(worker=worker, status=Status.ACCEPTED, deadline__gt=now).count()
    if held >= MAX_HELD_BY_WORKER:
        raise TooManyHeld

    def fresh() -> QuerySet[Hit]:
        return _free(now).filter(~Exists(_turns(worker)), hit_type=hit_type)

    def left() -> QuerySet[Hit]:
        return open_hits(worker, now).filter(hit_type=hit_type)

    while True:
        for candidates, skip_locked in ((fresh, True), (left, True), (left, False)):
            assignment = _take_slot(candidates(), hit_type, worker, now, skip_locked)
            if assignment is not None:
                return assignment
        if not left().exists():
            return None


def _take_slot(
    candidates: QuerySet[Hit], hit_type: HitType, worker: Worker, now: dt.datetime, skip_locked: bool
) -> Assignment | None:
    try:
        with transaction.atomic():
            # The slots are counted again on the locked row; the worker's own second click is caught by the
            # constraint no_worker_two_of_one_hit.
            hit = candidates.select_for_update(skip_locked=skip_locked, of=("self",)).first()
            if hit is None:
                return None
            fields: dict[str, object] = {"public_id": hit.freed_ids[-1]} if hit.freed_ids else {}
            assignment = Assignment.objects.create(
                hit=hit,
                worker=worker,
                reward=hit_type.reward,
                accepted_at=now,
                deadline=now + dt.timedelta(seconds=hit_type.assignment_duration_s),
                **fields,
            )
            Hit.objects.filter(pk=hit.pk).update(pending=F("pending") + 1, freed_ids=hit.freed_ids[:-1])
            notices.event("AssignmentAccepted", hit_type, hit, now, assignment)
            return assignment
    except IntegrityError:
        return None


def submit(assignment: Assignment, answer: str, now: dt.datetime, on_submitted: OnSubmitted) -> bool:
    """Store the answer if the assignment is still accepted and its deadline not over; say whether it was.

    `on_submitted` runs after that in the same transaction, under the HIT's lock.
    """
    with transaction.atomic():
        hit = _lock(assignment.hit_id)
        received: dict[str, Any] = {
            "status": Status.SUBMITTED,
            "answer": answer,
            "submitted_at": now,
            "auto_approve_at": now + dt.timedelta(seconds=hit.hit_type.auto_approval_delay_s),
        }
        accepted = Assignment.objects.filter(pk=assignment.pk, status=Status.ACCEPTED, deadline__gt=now)
        changed = accepted.update(**received)
        if not changed:
            return False
        hit.pending -= 1
        hit.submitted += 1
        hit.dispose_at = max(hit.dispose_at, now + DISPOSAL_AFTER)
        hit.save(update_fields=["pending", "submitted", "dispose_at"])
        for name, value in received.items():
            setattr(assignment, name, value)
        assignment.hit = hit
        notices.event("AssignmentSubmitted", hit.hit_type, hit, now, assignment)
        _announce_reviewable(hit, now)
        on_submitted(hit, assignment, now)
    return True


def give_back(assignment: Assignment, status: Literal["Returned", "Abandoned"], now: dt.datetime) -> bool:
    """Return (by the worker) or abandon (by the deadline) an accepted assignment; say whether it still was one."""
    with transaction.atomic():
        hit = _lock(assignment.hit_id)
        due = Q() if status == "Returned" else Q(deadline__lte=now)
        if not Assignment.objects.filter(due, pk=assignment.pk, status=Status.ACCEPTED).update(
            status=status, ended_at=now
        ):
            return False
        hit.pending -= 1
        hit.freed_ids.append(assignment.public_id)
        hit.save(update_fields=["pending", "freed_ids"])
        payments.rebalance(hit, now)
        notices.event(f"Assignment{status}", hit.hit_type, hit, now, assignment)
        _announce_reviewable(hit, now)
    return True


def approve(
    assignment: Assignment, feedback: str | None, now: dt.datetime, *, override_rejection: bool = False
) -> None:
    """Pay the worker. Raises InvalidAssignmentState, InvalidHITState, RejectionOverrideTooLate, InsufficientFunds."""
    with transaction.atomic(savepoint=False):  # a call that is refused is taken back as a whole
        hit = _lock(assignment.hit_id)
        assignment.refresh_from_db()
        was_rejected = assignment.status == Status.REJECTED
        allowed = assignment.status == Status.SUBMITTED or (was_rejected and override_rejection)
        if not allowed:
            raise _wrong_state(assignment, "Submitted")
        if was_rejected:
            if hit.disposed_at is not None:
                raise refused("InvalidHITState", "A rejection cannot be overridden after its HIT was deleted")
            if assignment.submitted_at is None or assignment.submitted_at + OVERRIDE_WITHIN < now:
                raise refused("RejectionOverrideTooLate", "A rejection can be overridden within 30 days of submission")
        payments.pay_reward(assignment, hit, now, from_hold=not was_rejected)
        assignment.status = Status.APPROVED
        assignment.approved_at = now
        if feedback is not None:
            assignment.feedback = feedback
        assignment.save(update_fields=["status", "approved_at", "feedback"])
        if was_rejected:
            hit.rejected -= 1
        else:
            hit.submitted -= 1
        hit.approved += 1
        hit.save(update_fields=["submitted", "approved", "rejected", "held"])
        notices.event("AssignmentApproved", hit.hit_type, hit, now, assignment)


def reject(assignment: Assignment, feedback: str, now: dt.datetime) -> None:
    """Refuse the work; its hold goes back. Raises InvalidAssignmentState."""
    with transaction.atomic(savepoint=False):  # a call that is refused is taken back as a whole
        hit = _lock(assignment.hit_id)
        assignment.refresh_from_db()
        if assignment.status != Status.SUBMITTED:
            raise _wrong_state(assignment, "Submitted")
        assignment.status = Status.REJECTED
        assignment.rejected_at = now
        assignment.feedback = feedback
        assignment.save(update_fields=["status", "rejected_at", "feedback"])
        hit.submitted -= 1
        hit.rejected += 1
        hit.save(update_fields=["submitted", "rejected"])
        payments.rebalance(hit, now)
        notices.event("AssignmentRejected", hit.hit_type, hit, now, assignment)


def extend(hit_id: int, additional: int, now: dt.datetime) -> None:
    """Add slots. Raises InvalidHITState, InvalidMaximumAssignmentsIncrease, InsufficientFunds."""
    with transaction.atomic():
        hit = _lock(hit_id)
        if hit.disposed_at is not None:
            raise refused("InvalidHITState", f"Hit {hit.public_id} is Disposed and cannot be extended")
        if hit.max_assignments < payments.LARGE_HIT <= hit.max_assignments + additional:
            raise refused(
                "InvalidMaximumAssignmentsIncrease",
                "A HIT created with fewer than 10 assignments cannot be extended to 10 or more",
            )
        hit.max_assignments += additional
        hit.reviewing = False
        hit.save(update_fields=["max_assignments", "reviewing"])
        payments.rebalance(hit, now)
        notices.event("HITExtended", hit.hit_type, hit, now)


def set_expiration(hit_id: int, expires_at: dt.datetime, now: dt.datetime) -> None:
    """Move the end of accepting; a past time ends it at once. Raises InvalidHITState, InsufficientFunds."""
    with transaction.atomic():
        hit = _lock(hit_id)
        if hit.disposed_at is not None:
            raise refused("InvalidHITState", f"Hit {hit.public_id} is Disposed")
        extended = expires_at > hit.expires_at
        hit.expires_at = expires_at
        # A date long past is how requesters say "now"; it must not throw the HIT away as well.
        hit.dispose_at = max(expires_at, now) + DISPOSAL_AFTER
        hit.expiry_done = False
        if expires_at > now and hit.free_slots > 0:
            hit.reviewing = False
        hit.save(update_fields=["expires_at", "dispose_at", "expiry_done", "reviewing"])
        if expires_at <= now:
            _end_accepting(hit, now)
        else:
            payments.rebalance(hit, now)
            if extended:
                notices.event("HITExtended", hit.hit_type, hit, now)


def expire(hit_id: int, now: dt.datetime) -> bool:
    """The clock's part of expiry: release the hold of slots nobody took, tell the requester; once per expiry."""
    with transaction.atomic():
        hit = _lock(hit_id)
        if hit.expiry_done or hit.expires_at > now:
            return False
        _end_accepting(hit, now)
    return True


def _end_accepting(hit: Hit, now: dt.datetime) -> None:
    hit.expiry_done = True
    hit.save(update_fields=["expiry_done"])
    payments.rebalance(hit, now)
    if hit.free_slots:
        notices.event("HITExpired", hit.hit_type, hit, now)
        _announce_reviewable(hit, now)


def dispose(hit_id: int, now: dt.datetime) -> None:
    """Delete a HIT for its requester; its rows stay. Raises InvalidHITState."""
    with transaction.atomic():
        hit = _lock(hit_id)
        status = hit_status(hit, now)
        if status not in ("Reviewable", "Reviewing") or hit.submitted:
            raise refused(
                "InvalidHITState",
                f"Hit {hit.public_id} is {status} with {hit.submitted} submitted assignments; it can be deleted "
                "when it is Reviewable and all of them are approved or rejected",
            )
        hit.disposed_at = now
        hit.save(update_fields=["disposed_at"])
        payments.rebalance(hit, now)
        notices.event("HITDisposed", hit.hit_type, hit, now)


def set_reviewing(hit_id: int, reviewing: bool, now: dt.datetime) -> None:
    """Reviewable -> Reviewing, or back. Raises InvalidHITState."""
    with transaction.atomic():
        hit = _lock(hit_id)
        expected = "Reviewable" if reviewing else "Reviewing"
        status = hit_status(hit, now)
        if status != expected:
            raise refused("InvalidHITState", f"This operation can be called with a status of: {expected} (is {status})")
        hit.reviewing = reviewing
        hit.save(update_fields=["reviewing"])


def change_type(hit_id: int, hit_type: HitType, now: dt.datetime) -> None:
    """Move a HIT to another type; assignments already taken keep the reward that was promised."""
    with transaction.atomic():
        hit = _lock(hit_id)
        if hit.disposed_at is not None:
            raise refused("InvalidHITState", f"Hit {hit.public_id} is Disposed")
        hit.hit_type = hit_type
        hit.save(update_fields=["hit_type"])
        payments.rebalance(hit, now)


def create(hit: Hit, requester: Requester, now: dt.datetime) -> None:
    """Store a new HIT and hold its money, in the caller's transaction. Raises InsufficientFunds."""
    hit.dispose_at = hit.expires_at + DISPOSAL_AFTER
    hit.save(force_insert=True)
    payments.rebalance(hit, now)
    notices.event("HITCreated", hit.hit_type, hit, now)


def _lock(hit_id: int) -> Hit:
    return Hit.objects.select_for_update(of=("self",)).select_related("hit_type").get(pk=hit_id)


def _announce_reviewable(hit: Hit, now: dt.datetime) -> None:
    if hit_status(hit, now) == "Reviewable":
        notices.event("HITReviewable", hit.hit_type, hit, now)


def _wrong_state(assignment: Assignment, expected: str) -> Exception:
    return refused(
        "InvalidAssignmentState",
        f"This operation can be called with a status of: {expected}; assignment {assignment.public_id} is "
        f"{assignment.status}",
    )
