"""How well people answer questions with the film, and which questions they doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
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


def of_people(validations: QuerySet[Validation]) -> QuerySet[Validation]:
    """Of these, each person's first word about a question: who answers it again is nobody else."""
    same = {"question": OuterRef("question"), "assignment__worker": OuterRef("assignment__worker")}
    return validations.filter(~Exists(validations.order_by().filter(**same, pk__lt=OuterRef("pk"))))


def human_accuracy(validations: QuerySet[Validation]) -> HumanAccuracy:
    """Of these validations, which reviewers have used; zeros where there are none. Each person counts once a question.

    Without those of doubted answers: they were picked because they are hard.
    """
    counts = of_people(validations.filter(assignment__hit__doubt=None)).aggregate(
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
    other, people = ~Q(validations__choice=RIGHT) | Q(validations__also__gte=0), "validations__assignment__worker"
    said = questions.filter(validations__isnull=False, validations__assignment__hit__doubt=None)
    asked = Count(people, distinct=True)
    counted = said.annotate(against=Count(people, filter=other, distinct=True), asked=asked)
    return counted.filter(against__gte=DOUBTED_BY).order_by("-against", "pk")


def looked_at(doubts: QuerySet[Doubt]) -> QuerySet[Doubt, Any]:
    """Doubts that people were asked about, those first that most found right: `right` of `asked`, used ones alone.

    Both count people, however often one was asked.
    """
    said, people = "hits__assignments__validation", "hits__assignments__validation__assignment__worker"
    right = Q(**{f"{said}__choice": Validation.DOUBTED}) | Q(**{f"{said}__also": Validation.DOUBTED})
    asked = Count(people, distinct=True)
    counted = doubts.annotate(asked=asked, right=Count(people, filter=right, distinct=True))
    return counted.filter(asked__gt=0).order_by("-right", "question__public_id", "text")
