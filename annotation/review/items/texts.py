"""Sentences and questions become items of the segment that they are about, unless its words are known there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import prefetch_related_objects

from adversarial.text.normalise import canonical
from annotation.models import Answer, Assignment, Query, Question, Segment
from annotation.models.items import free_ids
from annotation.review.answer_forms import QuestionForm
from annotation.review.items.marks import mark

Placed = list[tuple[Assignment, Segment]]


def make_queries(rows: Sequence[Assignment]) -> list[Assignment]:
    """Keep the sentences that answers say of the segments that were shown; which answers said something new."""
    return _write(rows, _asked(rows))


def make_moments(rows: Sequence[Assignment]) -> list[Assignment]:
    """Keep the moments that answers mark, and the sentences that they say of them; which of these are new."""
    return _write(rows, mark(rows))


def make_questions(rows: Sequence[Assignment]) -> list[Assignment]:
    """Keep the questions that answers ask about the segments that were shown, with their options; which are new."""
    new = _new(Question, "question", rows, _asked(rows))
    prefetch_related_objects([segment for _, segment in new], "clip__video")
    asked = [(row, segment, row.payload or {}) for row, segment in new]
    numbers = free_ids(Question, [(segment.clip.name, said["question"]) for _, segment, said in asked])
    questions = Question.objects.bulk_create(
        Question(public_id=number, segment=segment, text=said["question"], assignment=row)
        for number, (row, segment, said) in zip(numbers, asked, strict=True)
    )
    Answer.objects.bulk_create(
        Answer(question=question, position=position, text=said[name], correct=name == "correct")
        for question, (_, _, said) in zip(questions, asked, strict=True)
        for position, name in enumerate(QuestionForm.OPTIONS)
    )
    return [row for row, _ in new]


def _write(rows: Sequence[Assignment], segments: Sequence[Segment]) -> list[Assignment]:
    new = _new(Query, "query", rows, segments)
    said = [(row, segment, row.payload or {}) for row, segment in new]
    # From what a test release shows anyway: an id of clip and times would give the withheld moment away to whoever
    # hashes all of them.
    numbers = free_ids(Query, [(words["query"],) for _, _, words in said])
    Query.objects.bulk_create(
        Query(
            public_id=number,
            segment=segment,
            text=words["query"],
            type=words["based_on"],
            narration_hidden=row.hit.narration_hidden,
            assignment=row,
        )
        for number, (row, segment, words) in zip(numbers, said, strict=True)
    )
    return [row for row, _ in new]


def _new(
    model: type[Query] | type[Question], field: str, rows: Sequence[Assignment], segments: Sequence[Segment]
) -> Placed:
    """The answers whose text their segment does not hold, nor any answer before them gives it, and that segment."""
    known: defaultdict[int, set[str]] = defaultdict(set)
    there = model._default_manager.filter(segment__in=segments)
    for segment_id, text in there.values_list("segment", "text"):
        known[segment_id].add(canonical(text))
    found = []
    for row, segment in zip(rows, segments, strict=True):
        folded = canonical((row.payload or {})[field])
        if folded not in known[segment.pk]:
            known[segment.pk].add(folded)
            found.append((row, segment))
    return found


def _asked(rows: Sequence[Assignment]) -> list[Segment]:
    """The segment that each text is about, locked: of two reviewers at once the second sees the first's text."""
    locked = Segment.objects.select_for_update(no_key=True).filter(pk__in={row.hit.segment_id for row in rows})
    segments: dict[int | None, Segment] = {segment.pk: segment for segment in locked.order_by("pk")}
    return [segments[row.hit.segment_id] for row in rows]
