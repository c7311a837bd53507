"""Collecting: answers that the marketplace confirms become assignments, each stored once and verbatim."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from annotation.crowd.answer_xml import AnswerError, read_payload
from annotation.crowd.client import Crowd, Submitted
from annotation.crowd.workers import blind_bonuses
from annotation.models import Assignment, Batch, Hit, Worker
from annotation.review import agreement, evidence


def collect(batch_id: int, every_hit: bool = False) -> int:
    """Fetch submitted assignments of a batch and return how many are new.

    By default only HITs that the marketplace calls reviewable are read (all submitted, or expired); `every_hit`
    reads all open ones, for answers that wait beside an unfinished assignment.
    """
    batch = Batch.objects.get(pk=batch_id)
    if not batch.hit_type_id:
        return 0
    crowd = Crowd(batch.environment)
    hits = batch.hits.filter(state=Hit.State.OPEN).order_by("pk")
    if not every_hit:
        hits = hits.filter(hit_id__in=crowd.reviewable(batch.hit_type_id))
    new = 0
    for hit in hits.select_related("batch", "clip__video", "segment__clip__video"):
        assert hit.hit_id is not None
        answers = sorted(crowd.assignments(hit.hit_id), key=lambda row: (row.submitted_at, row.assignment_id))
        new += sum(store(hit, answer) for answer in answers)
    return new


@transaction.atomic(savepoint=False)
def store(hit: Hit, answer: Submitted) -> bool:
    """Keep one answer; False where it is known already (then nothing of it changes)."""
    worker, _ = Worker.objects.get_or_create(environment=hit.batch.environment, worker_id=answer.worker_id)
    payload, evidence_of_form = _read(hit, answer)
    assignment, created = Assignment.objects.get_or_create(
        assignment_id=answer.assignment_id,
        worker=worker,
        defaults={
            "hit": hit,
            "answer": answer.answer,
            "payload": payload,
            "evidence": evidence_of_form,
            "submitted_at": answer.submitted_at,
        },
    )
    if created:
        agreement.measure(assignment)
        evidence.look_at(assignment)
        blind_bonuses.expect(assignment)
    return created


def _read(hit: Hit, answer: Submitted) -> tuple[dict[str, Any] | None, list[str]]:
    """What the answer says, and why it says nothing."""
    try:
        return read_payload(answer.answer, hit), []
    except AnswerError as error:
        return None, [f"not a valid answer: {error}"]
