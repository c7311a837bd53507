"""Collecting: answers that the marketplace confirms become assignments, each stored once and verbatim."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Q

from annotation.crowd.answer_xml import AnswerError, read_payload
from annotation.crowd.client import Crowd, Submitted
from annotation.models import Assignment, Batch, Hit, Worker
from annotation.review.answer_forms import ANSWER_FORMS


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


@transaction.atomic
def store(hit: Hit, answer: Submitted) -> bool:
    """Keep one answer; False where it is known already (then nothing of it changes)."""
    worker, _ = Worker.objects.get_or_create(environment=hit.batch.environment, worker_id=answer.worker_id)
    assignment, created = Assignment.objects.get_or_create(
        assignment_id=answer.assignment_id,
        worker=worker,
        defaults={"hit": hit, "answer": answer.answer, "submitted_at": answer.submitted_at},
    )
    if not created:
        return False
    try:
        assignment.payload = payload = read_payload(answer.answer, hit)
        assignment.evidence = ANSWER_FORMS[hit.batch.kind].find_flags(assignment, payload)
    except AnswerError as error:
        assignment.evidence = [f"not a valid answer: {error}"]
    if worker.group and worker.group != hit.batch.kind:
        assignment.evidence.append(f"the worker belongs to the group “{worker.group}”: pay, do not use")
    if worker.blocked:
        assignment.evidence.append("the worker is blocked: it cannot be used")
    if limit := over_cap(hit, answer.worker_id, answer.submitted_at):
        assignment.evidence.append(f"more than {limit} by one worker")
    assignment.save(update_fields=["payload", "evidence"])
    return True


def over_cap(hit: Hit, worker_id: str, at: datetime) -> str:
    """Which limit the worker has reached with other units, such as “2 units of this batch”, or nothing."""
    batch, day = hit.batch, at.astimezone(UTC).date()
    of_worker = {"receipts__worker_id": worker_id}, {"assignments__worker__worker_id": worker_id}
    that_day = {"receipts__received_at__date": day}, {"assignments__submitted_at__date": day}
    for cap, what, within in (
        (batch.per_worker, "of this batch", ({}, {})),
        (batch.per_worker_day, "of this batch in one day", that_day),
    ):
        if cap is not None:
            sent = Q(**of_worker[0], **within[0]) | Q(**of_worker[1], **within[1])
            if batch.hits.filter(sent).exclude(pk=hit.pk).distinct().count() >= cap:
                return f"{cap} units {what}"
    return ""
