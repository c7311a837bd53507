"""Which items accepted answers become, by kind of task."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from annotation.models import Assignment
from annotation.models.crowd import Kind
from annotation.review.answer_forms import BROKEN
from annotation.review.items import marks, texts, validations

Rows = Sequence[Assignment]
MAKERS: dict[str, Callable[[Rows], Rows]] = {
    Kind.SEGMENT: marks.make_segments,
    Kind.QUERY: texts.make_queries,
    Kind.COMBINED: texts.make_moments,
    Kind.QA: texts.make_questions,
    Kind.VALIDATE: validations.make_validations,
}


def make_items(rows: Rows) -> None:
    """Turn valid answers to tasks of one kind into data, as if one after the other; `used` tells which became any.

    An answer that holds nothing new becomes nothing: it is paid all the same. The caller has locked the rows, and saves
    what is noted in them.
    """
    telling = [row for row in rows if BROKEN not in (row.payload or {}) and not row.hit.gold]
    used = set(MAKERS[telling[0].hit.batch.kind](telling)) if telling else set()
    for row in rows:
        row.used = row in used
