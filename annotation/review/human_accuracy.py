"""How well people answer questions with the film, and which questions they doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from scipy.stats import binomtest

from annotation.models import Doubt, Question, Validation

RIGHT = 0  # where the writer's form puts the right answer
DOUBTED_BY = 2  # people


@dataclass(frozen=True)
class HumanAccuracy:
    """Of `answers` to `questions`, `right` chose the writer's answer: a `share`, with its 95 % (Wilson) interval."""

    questions: int
    answers: int
    right: int
    share: float
    low: float
    high: float

    @property
    def percent(self) -> str:
        return f"{100 * self.share:.1f}"

    @property
    def percents(self) -> tuple[str, str]:
        return f"{100 * self.low:.1f}", f"{100 * self.high:.1f}"


def human_accuracy(validations: QuerySet[Validation]) -> HumanAccuracy:
    """Of these validations, which reviewers have used; zeros where there are none.

    Without those of doubted answers: they were picked because they are hard.
    """
    counts = validations.filter(assignment__hit__doubt=None).aggregate(
        questions=Count("question", distinct=True), answers=Count("pk"), right=Count("pk", filter=Q(choice=RIGHT))
    )
    if not counts["answers"]:
        return HumanAccuracy(0, 0, 0, 0.0, 0.0, 0.0)
    interval = binomtest(counts["right"], counts["answers"]).proportion_ci(method="wilson")
    share = counts["right"] / counts["answers"]
    return HumanAccuracy(**counts, share=share, low=float(interval.low), high=float(interval.high))


def doubted_questions(questions: QuerySet[Question]) -> QuerySet[Question, Any]:
    """Questions of which at least two people chose another answer, or found another one right, too; most doubted first.

    Each has `against` (people who did) and `asked` (people who answered).
    """
    other = ~Q(validations__choice=RIGHT) | Q(validations__also__gte=0)
    said = questions.filter(validations__isnull=False, validations__assignment__hit__doubt=None)
    counted = said.annotate(against=Count("validations", filter=other), asked=Count("validations"))
    return counted.filter(against__gte=DOUBTED_BY).order_by("-against", "pk")


def looked_at(doubts: QuerySet[Doubt]) -> QuerySet[Doubt, Any]:
    """Doubts that people were asked about, those first that most found right: `right` of `asked`, used ones alone."""
    said = "hits__assignments__validation"
    right = Q(**{f"{said}__choice": Validation.DOUBTED}) | Q(**{f"{said}__also": Validation.DOUBTED})
    counted = doubts.annotate(asked=Count(said), right=Count(said, filter=right))
    return counted.filter(asked__gt=0).order_by("-right", "question__public_id", "text")
