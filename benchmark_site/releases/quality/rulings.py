"""What people decided of suspect answers and easy questions, as a build obeys it and as the page writes it down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError

from adversarial.data.schema import Item as Question
from annotation.crowd.launch import askable_questions
from annotation.models import Doubt
from annotation.review.human_accuracy import DOUBTED_BY, looked_at
from benchmark_site.releases.models import Item, Release, Ruling
from benchmark_site.releases.split.seal import HIDDEN

Verdict = Ruling.Verdict


@dataclass(frozen=True)
class Rulings:
    """By question: the wrong answers that stay, blank for the question itself, and those that are to go."""

    accepted: Mapping[int, frozenset[str]]
    refused: Mapping[int, frozenset[str]]

    def keeps(self, item: Item) -> bool:
        """Whether the question stays, however easy it is."""
        return "" in self.accepted.get(item.public_id, ())

    def unwanted(self, item: Item) -> list[str]:
        """Wrong answers that this question is not to have."""
        return sorted(self.refused.get(item.public_id, ()))

    def open(self, suspects: Sequence[dict[str, Any]], questions: Sequence[Question]) -> list[dict[str, Any]]:
        """Those suspects, `{"qid", "option", …}`, of which nobody said that they stay."""
        texts = {question.qid: question.answers for question in questions}
        return [row for row in suspects if texts[row["qid"]][row["option"]] not in self.accepted.get(row["qid"], ())]


def read_rulings() -> Rulings:
    """All of them: there are few. Where none speaks, what two people of the crowd found right, with the film, goes."""
    found: dict[str, dict[int, set[str]]] = {verdict: defaultdict(set) for verdict in Verdict.values}
    ruled = {(row.public_id, row.option): row.verdict for row in Ruling.objects.all()}
    right = [doubt for doubt in looked_at(Doubt.objects.select_related("question")) if doubt.right >= DOUBTED_BY]
    of_crowd = {(doubt.question.public_id, doubt.text): Verdict.REPLACE for doubt in right}
    for (public_id, option), verdict in (of_crowd | ruled).items():
        found[verdict][public_id].add(option)
    accepted, refused = (
        {public_id: frozenset(options) for public_id, options in found[verdict].items()}
        for verdict in (Verdict.ACCEPT, Verdict.REPLACE)
    )
    return Rulings(accepted, refused)


def rule(item: Item, option: int | None, verdict: str, user: AbstractBaseUser) -> Ruling:
    """Write down what somebody decided of a wrong option of a question, or (None) of the question as a whole.

    A later word takes the place of an earlier one. Raises ValidationError.
    """
    if verdict not in Verdict.values:
        raise ValidationError(f"{verdict!r} is no verdict: expected one of {', '.join(Verdict.values)}")
    _require_wrong(item, option)
    if verdict == Verdict.REPLACE and option is None:
        raise ValidationError("a wrong answer is replaced, not a question: rewrite that")
    if verdict == Verdict.REPLACE and stays(item):
        raise ValidationError("a hidden question keeps its options once it was published: withdraw it instead")
    text = "" if option is None else item.options[option]
    how = {"verdict": verdict, "user_id": user.pk}
    return Ruling.objects.update_or_create(public_id=item.public_id, option=text, defaults=how)[0]


def ask(item: Item, option: int | None) -> Doubt:
    """Have people look at a wrong option in the next batch about doubted answers. Raises ValidationError."""
    if option is None:
        raise ValidationError("people are asked about an answer, not about a question")
    _require_wrong(item, option)
    question = askable_questions().filter(public_id=item.public_id).first()
    if question is None:
        raise ValidationError("workers may not see this question: it is imported, withdrawn, or of the hidden split")
    return Doubt.objects.get_or_create(question=question, text=item.options[option])[0]


def _require_wrong(item: Item, option: int | None) -> None:
    """Raises ValidationError where this is no wrong option of the question, or None for the question itself."""
    if item.kind != Item.Kind.QA or (option is not None and not 0 <= option < len(item.options)):
        raise ValidationError("there is no such answer")
    if option == item.answer_index:
        raise ValidationError("this is the right answer: correct the question instead")


def stays(item: Item) -> bool:
    """Whether releases to come must hold it as it is: another option would tell by comparison which one was lent."""
    frozen = item.release.state == Release.State.FROZEN
    return frozen and item.published and item.split == HIDDEN
