"""The evidence of an answer: found when it is collected, and found anew when a later answer bears on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.db import transaction
from django.db.models import Q

from annotation.locks import locked_answers, locked_hits, locked_workers
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
    return _found(assignment, agreement.standing_answers(assignment.hit))


def _found(assignment: Assignment, standing: Sequence[Assignment], asked_once: Collection[int] = ()) -> list[Flag]:
    """`standing`: those answers to the unit that nobody has rejected; `asked_once`: see `arrival.of_arrival`."""
    assert assignment.payload is not None
    flags = ANSWER_FORMS[assignment.hit.batch.kind].find_flags(assignment, assignment.payload)
    flags += quality_flags.of_gold(assignment) + arrival.of_arrival(assignment, asked_once)
    if assignment.hit.batch.kind not in MARKING:
        return flags
    return flags + quality_flags.of_unit(assignment, standing)


def look_at(*came: Assignment, beside: Collection[int] = ()) -> None:
    """Keep the evidence of answers that have come, and renew that of unreviewed ones which they bear on.

    The caller holds the locks of their HITs. All answers to these are locked with those that are touched, and those to
    the HITs `beside`, by keys, which the caller goes on with.
    """
    _sketch([row for row in came if row.payload is not None and row.sketch is None])
    touched = {key for row in came if row.payload is not None for key in _touched(row)}
    locked = locked_answers(Q(hit__in={*beside, *(row.hit_id for row in came)}) | Q(pk__in=touched))
    new = {row.pk for row in came}
    others = [row for row in locked.select_related(*PLACES) if row.pk in touched - new and _is_unreviewed(row)]
    _renew([*came, *others])


def _sketch(rows: Iterable[Assignment]) -> None:
    written = []
    for row in rows:
        if text := quality_flags.whole_text(row.payload or {}):
            row.sketch = sketch(text)
            written.append(row)
    Assignment.objects.bulk_update(written, ["sketch"])


def _is_unreviewed(row: Assignment) -> bool:
    """As `Assignment.unreviewed` asks the database: since it was looked for somebody may have decided it."""
    paid_by_itself = row.state == Assignment.State.APPROVED and row.reviewed_at is None
    return row.state == Assignment.State.SUBMITTED or paid_by_itself


@transaction.atomic
def set_gold(segment: Segment, gold: bool) -> None:
    """Say that a moment is known to be right, or no longer: what speaks against those who answered is found anew."""
    hits = Hit.objects.filter(clip=segment.clip, gold=True)
    list(locked_hits(hits.values("pk")))
    answers = Q(hit__in=hits, payload__isnull=False)
    workers = list(locked_workers(Assignment.objects.filter(answers).values("worker")))
    rows = list(locked_answers(answers).select_related(*PLACES))
    Segment.objects.filter(pk=segment.pk).update(gold=gold)
    for row in rows:
        agreement.hold_against_gold(row)
    agreement.count_gold(*workers)
    _renew([row for row in rows if row.reviewed_at is None])


def look_at_unit(hit: Hit) -> None:
    """Measure a unit of which one answer speaks no longer, or again, and what that says of its unreviewed ones.

    Nothing but who stands alone rests on which answers are rejected: texts are compared with all there are. The caller
    holds the locks of the HIT and of its answers.
    """
    if hit.batch.kind not in MARKING:
        return
    standing = agreement.standing_answers(hit)
    agreement.measure_unit(hit, standing)
    changed = []
    for row in hit.assignments.filter(Assignment.unreviewed(), payload__isnull=False):
        kept = [text for text in row.evidence if not text.endswith(quality_flags.ALONE)]
        found = kept + quality_flags.of_unit(row, standing)
        if found != row.evidence:
            row.evidence = found
            changed.append(row)
    Assignment.objects.bulk_update(changed, ["evidence"])


def _renew(rows: Sequence[Assignment]) -> None:
    """Write what is found of answers by now, once each; of one that is not valid, what spoke against it stays."""
    marking = {row.hit_id for row in rows if row.hit.batch.kind in MARKING}
    standing, changed = agreement.standing_by_hit(marking), []
    asked_once = arrival.look_up([row.hit for row in rows])
    for row in rows:
        invalid = row.payload is None
        found: Sequence[str] = (
            _of_invalid(row, asked_once) if invalid else _found(row, standing[row.hit_id], asked_once)
        )
        if found != row.evidence:
            row.evidence = list(found)
            changed.append(row)
    Assignment.objects.bulk_update(changed, ["evidence"])


def _of_invalid(row: Assignment, asked_once: Collection[int]) -> list[str]:
    return [*row.evidence, *(flag for flag in arrival.of_arrival(row, asked_once) if flag not in row.evidence)]


def _touched(assignment: Assignment) -> list[int]:
    """Keys of unreviewed answers: to the same unit, equal ones of anybody, nearly equal ones of the worker."""
    same = Q(hit=assignment.hit)
    if assignment.sketch:
        same |= Q(sketch__contains=assignment.sketch) | Q(worker=assignment.worker, sketch__overlap=assignment.sketch)
    if span := span_of(assignment.payload):
        same |= Q(worker=assignment.worker, payload__start=span[0], payload__end=span[1])
    waiting = Assignment.objects.filter(Assignment.unreviewed(), same, payload__isnull=False)
    beside = Kind(assignment.hit.batch.kind).beside
    waiting = waiting.filter(batch__kind__in=beside).exclude(pk=assignment.pk)
    # Mostly there are none, and to plan a query over all places takes longer than to find that out.
    return list(waiting.order_by("-pk").values_list("pk", flat=True)[:MOST_TOUCHED])
