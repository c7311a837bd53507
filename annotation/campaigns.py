"""A campaign by script: what the API and `manage.py campaign` both do, with the rules of the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Field

from annotation.console import choices
from annotation.crowd import launch, steering
from annotation.crowd.launch import LaunchError
from annotation.models import Assignment, Batch, EntryTest, Hit
from annotation.pages.forms import BatchForm
from annotation.review import ledger

FIELDS = BatchForm.Meta.fields
# Orders to a batch under way that need no further word.
ORDERS: dict[str, Callable[[int], object]] = {
    "pause": steering.request_pause,
    "resume": steering.request_resume,
    "stop": steering.request_close,
    "rest": launch.request_rest,
    "again": launch.request_relaunch,
}
__all__ = ["FIELDS", "ORDERS", "DraftError", "LaunchError", "cost", "draft", "launch_for", "progress", "results"]


class DraftError(ValueError):
    """Values that make no draft. `problems` are pairs of field and message."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in problems))
        self.problems = problems


def draft(values: Mapping[str, Any], user: User | None = None) -> Batch:
    """A new draft from the fields of the form; what is left out has the form's default. Raises DraftError.

    `entry_test` is named by its name; `countries` and `qualifications` may be lists.
    """
    unknown = [(name, "there is no such field") for name in values if name not in FIELDS]
    if unknown:
        raise DraftError(unknown)
    data = {name: _field(name).get_default() for name in FIELDS} | dict(values)
    for name, between in (("countries", ", "), ("qualifications", "\n")):
        if isinstance(data[name], list):
            data[name] = between.join(map(str, data[name]))
    if data["entry_test"]:
        test = EntryTest.objects.filter(name=str(data["entry_test"])).first()
        if test is None:
            raise DraftError([("entry_test", f"there is no entry test {data['entry_test']!r}")])
        data["entry_test"] = test.pk
    form = BatchForm(data)
    if not form.is_valid():
        raise DraftError([(name, " ".join(map(str, errors))) for name, errors in form.errors.items()])
    form.instance.created_by = user
    return form.save()


def _field(name: str) -> Field[Any, Any]:
    found = Batch._meta.get_field(name)
    assert isinstance(found, Field), name
    return found


def cost(batch: Batch) -> dict[str, Any]:
    """What a draft would cost at most, in US dollars: `total` is the amount to type."""
    units = launch.units(batch).count() if batch.state == Batch.State.DRAFT else batch.hits.filter(attempt=1).count()
    answers, bonus = units * batch.assignments_per_hit, batch.blind_bonus or Decimal("0.00")
    fees = ledger.fee(batch.reward) + ledger.blind_bonus_cost(batch) - bonus
    return {
        "units": units,
        "answers": answers,
        "rewards": answers * batch.reward,
        "bonuses": answers * bonus,
        "fees": answers * fees,
        "total": ledger.worst_case(batch, units),
        "budget": batch.budget,
    }


def launch_for(batch_id: int, amount: str) -> None:
    """Launch a draft for exactly this amount. Raises LaunchError, also where it costs another one by now."""
    if not amount.strip():
        raise LaunchError("give the amount that it may cost, as `cost` says it")
    launch.request_launch(batch_id, amount)


def progress(batch: Batch) -> dict[str, Any]:
    """State, units and answers by state, money in US dollars."""
    answers = Assignment.objects.filter(batch=batch)
    counted = dict(answers.values_list("state").order_by("state").annotate(Count("id")))
    units = dict(batch.hits.values_list("state").order_by("state").annotate(Count("id")))
    money = ledger.totals(batch)
    return {
        "state": batch.state,
        "error": batch.error,
        "ends_at": batch.ends_at,
        "held_back": batch.held_back,
        "units": {state.value: units.get(state.value, 0) for state in Hit.State},
        "answers": {state.value: counted.get(state.value, 0) for state in Assignment.State},
        "unreviewed": answers.filter(Assignment.unreviewed()).count(),
        "used": answers.filter(used=True).count(),
        "money": {name: money[name] for name in ("spent", "held", "reward", "fee", "bonus", "bonus_fee")}
        | {"committed": ledger.committed(batch), "budget": batch.budget},
        "findings": batch.findings.count(),
    }


def results(batch: Batch, after: int = 0) -> Iterator[dict[str, Any]]:
    """Every answer so far in the order in which it came, from the one behind number `after` on."""
    rows = Assignment.objects.filter(batch=batch, pk__gt=after).order_by("pk")
    rows = rows.select_related("worker", "hit__clip__video", "hit__segment__clip__video")
    for row in choices.with_options(rows).iterator(500):
        hit = row.hit
        yield {
            "number": row.pk,
            "assignment_id": row.assignment_id,
            "worker_id": row.worker.worker_id,
            "clip": hit.shown_clip.name,
            "segment": None if hit.segment is None else hit.segment.public_id,
            "question": None if hit.question is None else hit.question.public_id,
            "attempt": hit.attempt,
            "narration_hidden": hit.narration_hidden,
            "state": row.state,
            "used": row.used,
            "answer": row.payload,
            **choices.in_words(row),
            "evidence": row.evidence,
            "feedback": row.feedback,
            "submitted_at": row.submitted_at,
            "reviewed_at": row.reviewed_at,
        }
