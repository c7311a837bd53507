"""The evidence of an answer: found when it is collected, and found anew when a later answer bears on it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q

from annotation.models import Assignment, Hit, Segment
from annotation.models.crowd import MARKING, Kind
from annotation.review import agreement, arrival, quality_flags
from annotation.review.agreement import span_of
from annotation.review.answer_forms import ANSWER_FORMS
from annotation.review.flag import Flag
from annotation.review.text.sketch import sketch

MOST_TOUCHED = 20  # answers that are looked at anew for one that came
PLACES = ("worker", "hit__batch", "hit__clip__video", "hit__segment__clip__video")


def find(assignment: Assignment) -> list[Flag]:
    """All that speaks against a valid answer by now; what speaks against its worker is `quality_flags.of_worker`."""
    assert assignment.payload is not None
    flags = ANSWER_FORMS[assignment.hit.batch.kind].find_flags(assignment, assignment.payload)
    flags += quality_flags.of_gold(assignment) + arrival.of_arrival(assignment)
    if assignment.hit.batch.kind not in MARKING:
        return flags
    return flags + quality_flags.of_unit(assignment, agreement.standing_answers(assignment.hit))


def look_at(assignment: Assignment) -> None:
    """Keep the evidence of an answer that has come, and renew that of unreviewed ones which it bears on."""
    if assignment.payload is None:
        assignment.evidence = [*assignment.evidence, *arrival.of_arrival(assignment)]
        assignment.save(update_fields=["evidence"])
        return
    if text := quality_flags.whole_text(assignment.payload):
        assignment.sketch = sketch(text)
        assignment.save(update_fields=["sketch"])
    _renew([assignment, *_touched(assignment)])


@transaction.atomic
def set_gold(segment: Segment, gold: bool) -> None:
    """Say that a moment is known to be right, or no longer: what speaks against those who answered is found anew."""
    Segment.objects.filter(pk=segment.pk).update(gold=gold)
    answers = Assignment.objects.filter(hit__clip=segment.clip, hit__gold=True, payload__isnull=False)
    rows = list(answers.select_related(*PLACES).order_by("pk"))
    for row in rows:
        agreement.hold_against_gold(row)
    for worker in {row.worker for row in rows}:
        agreement.count_gold(worker)
    _renew([row for row in rows if row.reviewed_at is None])


def look_at_unit(hit: Hit) -> None:
    """Measure a unit of which one answer speaks no longer, or again, and what that says of its unreviewed ones.

    Nothing but who stands alone rests on which answers are rejected: texts are compared with all there are. The caller
    holds the lock of the HIT.
    """
    if hit.batch.kind not in MARKING:
        return
    standing = agreement.standing_answers(hit)
    agreement.measure_unit(hit, standing)
    waiting = hit.assignments.filter(Assignment.unreviewed(), payload__isnull=False).select_for_update()
    changed = []
    for row in waiting.order_by("-pk"):
        kept = [text for text in row.evidence if not text.endswith(quality_flags.ALONE)]
        found = kept + quality_flags.of_unit(row, standing)
        if found != row.evidence:
            row.evidence = found
            changed.append(row)
    Assignment.objects.bulk_update(changed, ["evidence"])


def _renew(rows: Sequence[Assignment]) -> None:
    for row in rows:
        found = find(row)
        if found != row.evidence:
            Assignment.objects.filter(pk=row.pk).update(evidence=found)
            row.evidence = found


def _touched(assignment: Assignment) -> list[Assignment]:
    """Unreviewed answers to the same unit, equal ones of anybody, and the worker's own nearly equal ones; the last."""
    same = Q(hit=assignment.hit)
    if assignment.sketch:
        same |= Q(sketch__contains=assignment.sketch) | Q(worker=assignment.worker, sketch__overlap=assignment.sketch)
    if span := span_of(assignment.payload):
        same |= Q(worker=assignment.worker, payload__start=span[0], payload__end=span[1])
    waiting = Assignment.objects.filter(Assignment.unreviewed(), same, payload__isnull=False)
    beside = Kind(assignment.hit.batch.kind).beside
    waiting = waiting.filter(hit__batch__kind__in=beside).exclude(pk=assignment.pk)
    # Mostly there are none, and to plan a query over all places takes longer than to find that out.
    found = list(waiting.order_by("-pk").values_list("pk", flat=True)[:MOST_TOUCHED])
    return list(Assignment.objects.filter(pk__in=found).select_related(*PLACES).order_by("-pk")) if found else []
