"""What people chose among the answers to a question, in words: stored are letters, in an order that each HIT draws."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject

from annotation.models import Answer, Assignment
from annotation.review.answer_forms import chosen

FIELDS = ("choice_place", "choice_text", "also_place", "also_text")


def with_options(answers: QuerySet[Assignment]) -> QuerySet[Any]:
    """Answers with what `in_words` reads, in the same statement."""
    options = Answer.objects.filter(question=OuterRef("hit__question")).order_by("position")
    pairs = ArraySubquery(options.values(pair=JSONObject(place="position", text="text")))
    return answers.select_related("hit__question", "hit__doubt", "validation").annotate(options=pairs)


def in_words(answer: Any) -> dict[str, Any]:
    """Place and text of what was chosen; -1 and no text: none of them. None where no question was answered.

    Of an answer that is used, the places are those of its `Validation`, which follows corrections of the options.
    """
    hit, payload = answer.hit, answer.payload or {}
    if hit.question is None or "choice" not in payload:
        return dict.fromkeys(FIELDS)
    made = getattr(answer, "validation", None)
    places = payload if made is None else {"choice": made.choice, "also": made.also}
    said = chosen(places, hit, [(one["place"], one["text"]) for one in answer.options])
    found: dict[str, Any] = dict.fromkeys(FIELDS)
    for name, (place, text) in said.items():
        found |= {f"{name}_place": place, f"{name}_text": text}
    return found
