"""Collecting: answers that the marketplace confirms become assignments, each stored once and verbatim."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from django.db import transaction

from annotation.crowd.answer_xml import AnswerError, read_payload
from annotation.crowd.client import Crowd, Submitted
from annotation.crowd.workers import blind_bonuses
from annotation.locks import locked_hits
from annotation.models import Assignment, Batch, Hit, Worker
from annotation.review import agreement, evidence

PLACES = ("clip__video", "segment__clip__video")


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
    for pk in hits.values_list("pk", flat=True):
        new += _collect_one(crowd, pk)
    return new


def _collect_one(crowd: Crowd, hit_pk: int) -> int:
    hit = Hit.objects.get(pk=hit_pk)
    assert hit.hit_id is not None
    answers = sorted(crowd.assignments(hit.hit_id), key=lambda row: (row.submitted_at, row.assignment_id))
    admit(crowd.environment, answers)
    with transaction.atomic():
        hit = locked_hits([hit_pk]).select_related(*PLACES).get()
        return len(store([(hit, answer) for answer in answers]))


def admit(environment: str, answers: Iterable[Submitted]) -> None:
    """Make rows of the workers of these answers that have none.

    Before anything is locked: of two who made the same ones in two orders, each would wait for the other.
    """
    names = {answer.worker_id for answer in answers}
    there = Worker.objects.filter(environment=environment, worker_id__in=names)
    new = sorted(names.difference(there.values_list("worker_id", flat=True)))
    made = [Worker(environment=environment, worker_id=name) for name in new]
    Worker.objects.bulk_create(made, ignore_conflicts=True)


def store(given: Sequence[tuple[Hit, Submitted]], beside: Collection[int] = ()) -> list[Assignment]:
    """Keep the answers to HITs of one environment that are not known yet, and return those; of others nothing changes.

    The caller has admitted their workers and holds the locks of the HITs. `beside`: keys of further HITs of which it
    writes answers after that.
    """
    rows = [_row(hit, answer, worker) for hit, answer, worker in _unknown(given)]
    Assignment.objects.bulk_create(rows)
    if rows:
        agreement.measure(*rows)
        evidence.look_at(*rows, beside=beside)
    for row in rows:
        blind_bonuses.expect(row)
    return rows


def _unknown(given: Sequence[tuple[Hit, Submitted]]) -> Iterator[tuple[Hit, Submitted, Worker]]:
    """With their workers, each once: a worker may hand in one assignment, which then nobody else has."""
    environments = {hit.batch.environment for hit, _ in given}
    named = Worker.objects.filter(environment__in=environments, worker_id__in={one.worker_id for _, one in given})
    workers = {worker.worker_id: worker for worker in named}
    rows = Assignment.objects.filter(assignment_id__in=[answer.assignment_id for _, answer in given])
    known = set(rows.values_list("assignment_id", "worker_id"))
    for hit, answer in given:
        worker = workers[answer.worker_id]
        if (answer.assignment_id, worker.pk) not in known:
            known.add((answer.assignment_id, worker.pk))
            yield hit, answer, worker


def _row(hit: Hit, answer: Submitted, worker: Worker) -> Assignment:
    payload, evidence_of_form = _read(hit, answer)
    return Assignment(
        hit=hit,
        batch=hit.batch,
        worker=worker,
        assignment_id=answer.assignment_id,
        answer=answer.answer,
        payload=payload,
        evidence=evidence_of_form,
        submitted_at=answer.submitted_at,
    )


def _read(hit: Hit, answer: Submitted) -> tuple[dict[str, Any] | None, list[str]]:
    """What the answer says, and why it says nothing."""
    try:
        return read_payload(answer.answer, hit), []
    except AnswerError as error:
        return None, [f"not a valid answer: {error}"]
