"""Review: a person accepts, pays without using, or rejects; the marketplace and the ledger follow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from annotation.crowd.client import Crowd
from annotation.enqueue import PUSH_DECISION, enqueue
from annotation.models import Answer, Assignment, Batch, Hit, Query, Question, Segment
from annotation.models.crowd import Kind
from annotation.models.items import free_id
from annotation.review import ledger, text_rules

SAME_MOMENT = 0.7


class Verdict(StrEnum):
    """What a reviewer says of an answer."""

    USE = "use"
    PAY = "pay"  # paid, left out of the data
    REJECT = "reject"


class ReviewError(Exception):
    """The decision is not possible; the message says why."""


def decide(assignment_id: int, verdict: Verdict, user: User | None, feedback: str = "") -> Assignment:
    """Record a verdict; items are made in the same transaction, the marketplace is told after it.

    The first of two reviewers wins. Raises ReviewError on a second decision, on a rejection without a reason and on
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
        if assignment.state != Assignment.State.SUBMITTED:
            raise ReviewError(f"{assignment} is already decided: {assignment.get_state_display()}")
        if verdict == Verdict.USE:
            if assignment.payload is None:
                raise ReviewError(f"{assignment} holds no valid answer: pay or reject it")
            assignment.used = _make_item(assignment)
        rejecting = verdict == Verdict.REJECT
        assignment.state = Assignment.State.REJECTING if rejecting else Assignment.State.APPROVING
        assignment.feedback = feedback
        assignment.reviewed_by_id = None if user is None else user.pk
        assignment.reviewed_at = timezone.now()
        assignment.save()
        enqueue(PUSH_DECISION, assignment_id=assignment_id)
    return assignment


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


def _make_item(assignment: Assignment) -> bool:
    """Turn an accepted answer into data; False where the data holds the same thing already (still paid)."""
    payload, hit = assignment.payload or {}, assignment.hit
    if hit.batch.kind == Kind.SEGMENT:
        return _make_segment(assignment, payload["start"], payload["end"])
    segment = hit.segment
    assert segment is not None
    if hit.batch.kind == Kind.QUERY:
        if _is_known(payload["query"], segment.queries.values_list("text", flat=True)):
            return False
        Query.objects.create(
            # From what a test release shows anyway: an id of clip and times would give the withheld moment away to
            # whoever hashes all of them.
            public_id=free_id(Query, payload["query"]),
            segment=segment,
            text=payload["query"],
            type=payload["based_on"],
            narration_hidden=hit.narration_hidden,
            assignment=assignment,
        )
        return True
    if _is_known(payload["question"], segment.questions.values_list("text", flat=True)):
        return False
    question = Question.objects.create(
        public_id=free_id(Question, segment.clip.name, payload["question"]),
        segment=segment,
        text=payload["question"],
        assignment=assignment,
    )
    options = [payload[name] for name in ("correct", "wrong_1", "wrong_2", "wrong_3")]
    Answer.objects.bulk_create(
        Answer(question=question, position=position, text=text, correct=position == 0)
        for position, text in enumerate(options)
    )
    return True


def _is_known(text: str, others: Iterable[str]) -> bool:
    return text_rules.fold(text) in {text_rules.fold(other) for other in others}


def _make_segment(assignment: Assignment, start: float, end: float) -> bool:
    clip = assignment.hit.shown_clip
    for known in clip.segments.select_for_update():
        overlap = min(end, known.end) - max(start, known.start)
        if overlap / (max(end, known.end) - min(start, known.start)) >= SAME_MOMENT:
            Segment.objects.filter(pk=known.pk).update(votes=F("votes") + 1)
            return False
    Segment.objects.create(
        public_id=free_id(Segment, clip.name, start, end), clip=clip, start=start, end=end, assignment=assignment
    )
    return True
