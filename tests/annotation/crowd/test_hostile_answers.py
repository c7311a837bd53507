"""Answers made to stop the collecting, and wishes for more answers than there is money for."""

from __future__ import annotations

import json

import pytest

from annotation.crowd import decisions, reconcile
from annotation.models import Assignment, Clip
from annotation.review import ledger, verdicts
from annotation.review.verdicts import ReviewError, Verdict
from tests.annotation.crowd.orders import GOOD, launch_batch, make_batch
from tests.marketplace.site import WorkerBrowser

pytestmark = pytest.mark.django_db
HOSTILE = {
    "NUL": '{"broken": "\\u0000"}',
    "half a character": '{"broken": "\\ud800"}',
    "deep": "[" * 100_000,
    "beyond every float": '{"start": 1' + "0" * 400 + ', "end": 5}',
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_one_answer_does_not_keep_the_others_from_being_collected(
    clip: Clip, annotators: list[WorkerBrowser], raw: str
) -> None:
    older, newer = (launch_batch(make_batch(assignments_per_hit=1)) for _ in range(2))
    annotators[3].do(older.hit_type_id, answer=json.dumps(GOOD))
    annotators[0].do(newer.hit_type_id, answer=raw)
    reconcile.follow("local")
    assert Assignment.objects.get(worker__worker_id=annotators[3].id).payload == GOOD
    hostile = Assignment.objects.get(worker__worker_id=annotators[0].id)
    assert hostile.payload is None
    assert "not a valid answer" in hostile.evidence[0]


@pytest.mark.parametrize("told_between", [False, True])
def test_more_answers_are_asked_for_as_far_as_the_budget_goes(
    clip: Clip, annotators: list[WorkerBrowser], told_between: bool
) -> None:
    batch = launch_batch(make_batch(budget="0.42"))  # two answers and one more
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    annotators[3].do(batch.hit_type_id, answer=json.dumps({"start": 15, "end": 22}))
    reconcile.follow("local")
    first, second = Assignment.objects.order_by("pk")
    verdicts.decide(first.pk, Verdict.AGAIN, None)
    if told_between:
        decisions.push_decision(first.pk)
    with pytest.raises(ReviewError, match="the budget"):
        verdicts.decide(second.pk, Verdict.AGAIN, None)
    decisions.push_decision(first.pk)
    assert ledger.committed(batch) == batch.budget  # at once, not when the next pass has read it
    reconcile.follow("local")
    assert ledger.committed(batch) == batch.budget
    assert batch.hits.get().wanted == 3
