"""Answers to collected questions become validations of them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import prefetch_related_objects

from annotation.models import Assignment, Validation
from annotation.review.answer_forms import chosen, options_of


def make_validations(rows: Sequence[Assignment]) -> Sequence[Assignment]:
    """Keep what was chosen; which answers were kept: all."""
    prefetch_related_objects([row.hit for row in rows], "question__answers", "doubt")
    Validation.objects.bulk_create(_validation(row) for row in rows)
    return rows


def _validation(row: Assignment) -> Validation:
    hit = row.hit
    said = chosen(row.payload or {}, hit, options_of(hit))
    places = {name: place for name, (place, _) in said.items()}
    return Validation(question=hit.question, assignment=row, narration_hidden=hit.narration_hidden, **places)
