"""The evidence of an answer: found when it is collected, and found anew when a later answer bears on it."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from annotation.models import Assignment
from annotation.models.crowd import Kind
from annotation.review import quality_flags
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
    return flags + quality_flags.of_gold(assignment) + quality_flags.of_arrival(assignment)


def look_at(assignment: Assignment) -> None:
    """Keep the evidence of an answer that has come, and renew that of unreviewed ones which it bears on."""
    if assignment.payload is None:
        assignment.evidence = [*assignment.evidence, *quality_flags.of_arrival(assignment)]
        assignment.save(update_fields=["evidence"])
        return
    if text := quality_flags.whole_text(assignment.payload):
        assignment.sketch = sketch(text)
        assignment.save(update_fields=["sketch"])
    for row in [assignment, *_touched(assignment)]:
        found = find(row)
        if found != row.evidence:
            Assignment.objects.filter(pk=row.pk).update(evidence=found)
            row.evidence = found


def _touched(assignment: Assignment) -> QuerySet[Assignment]:
    """Unreviewed answers to the same unit, equal ones of anybody, and the worker's own nearly equal ones; the last."""
    same = Q(hit=assignment.hit)
    if assignment.sketch:
        same |= Q(sketch__contains=assignment.sketch) | Q(worker=assignment.worker, sketch__overlap=assignment.sketch)
    if span := span_of(assignment.payload):
        same |= Q(worker=assignment.worker, payload__start=span[0], payload__end=span[1])
    waiting = Assignment.objects.filter(Assignment.unreviewed(), same, payload__isnull=False)
    beside = Kind(assignment.hit.batch.kind).beside
    waiting = waiting.filter(hit__batch__kind__in=beside).exclude(pk=assignment.pk)
    return waiting.select_related(*PLACES).order_by("-pk")[:MOST_TOUCHED]
