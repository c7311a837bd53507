"""An answer names the batch of its HIT, whoever makes or moves it: what is asked of a batch goes not over its HITs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from annotation.models import Assignment, Batch, Hit, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review import verdicts
from tests.annotation.pages.test_review_page import give

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = [("annotation", "0028_blind_bonuses")]


@pytest.fixture
def hits(make_hit: Callable[..., Hit], segment: Segment) -> tuple[Hit, Hit]:
    """Of two batches."""
    return make_hit(Kind.SEGMENT), make_hit(Kind.QUERY, segment=segment)


def batch_ids() -> list[tuple[int, int]]:
    """Of each answer, and of its HIT."""
    return list(Assignment.objects.order_by("pk").values_list("batch", "hit__batch"))


@pytest.mark.django_db
def test_who_makes_an_answer_names_its_hit_alone(hits: tuple[Hit, Hit], worker: Worker) -> None:
    one, other = hits
    values: dict[str, Any] = {"worker": worker, "answer": "", "submitted_at": NOW}
    Assignment.objects.create(hit=one, assignment_id="A1", **values)
    Assignment.objects.bulk_create([Assignment(hit=other, batch=one.batch, assignment_id="A2", **values)])
    assert batch_ids() == [(one.batch_id,) * 2, (other.batch_id,) * 2], "a wrong one is put right"


@pytest.mark.django_db
def test_an_answer_keeps_the_batch_of_its_hit(hits: tuple[Hit, Hit]) -> None:
    one, other = hits
    row = give(one, None)
    row.feedback = "saved whole, as it was made"
    row.save()
    Assignment.objects.update(batch=other.batch)
    assert batch_ids() == [(one.batch_id,) * 2]
    Assignment.objects.update(hit=other)
    assert batch_ids() == [(other.batch_id,) * 2]


@pytest.mark.django_db
def test_a_hit_stays_in_its_batch(hits: tuple[Hit, Hit]) -> None:
    one, other = hits
    give(one, None)
    with pytest.raises(DatabaseError, match="Cannot update rows from annotation_hit"), transaction.atomic():
        Hit.objects.filter(pk=one.pk).update(batch=other.batch, attempt=2)
    Hit.objects.filter(pk=one.pk).update(batch=one.batch, attempt=2)
    assert batch_ids() == [(one.batch_id,) * 2]


@pytest.mark.django_db
def test_no_answer_is_without_a_batch(hits: tuple[Hit, Hit]) -> None:
    row = give(hits[0], None)
    with pytest.raises(IntegrityError, match="batch_id"), transaction.atomic():
        Assignment.objects.filter(pk=row.pk).update(hit=0)


@pytest.mark.django_db
def test_what_is_reviewed_of_a_batch_is_its_own(hits: tuple[Hit, Hit]) -> None:
    rows = [give(hit, {"start": 5.0, "end": 12.0}) for hit in (*hits, *hits)]
    assert [list(verdicts.waiting(hit.batch_id)) for hit in hits] == [rows[::2], rows[1::2]]
    assert list(verdicts.clean(hits[1].batch_id)) == rows[1::2]


@pytest.mark.django_db(transaction=True)
def test_answers_of_before_get_the_batch_of_their_hit(hits: tuple[Hit, Hit], monkeypatch: pytest.MonkeyPatch) -> None:
    last = MigrationExecutor(connection).loader.graph.leaf_nodes()  # also of apps that stand on it
    for n in range(7):
        give(hits[n % 2], None)
    Assignment.objects.filter(assignment_id="A3").delete()
    try:
        MigrationExecutor(connection).migrate(BEFORE)
        executor = MigrationExecutor(connection)
        monkeypatch.setattr("annotation.migrations.0030_batch_of_all_answers.AT_ONCE", 2)
        executor.migrate(last)
    finally:
        MigrationExecutor(connection).migrate(last)
    assert batch_ids() == [(hits[n % 2].batch_id,) * 2 for n in (0, 1, 2, 4, 5, 6)]
    assert Batch.objects.get(pk=hits[0].batch_id).assignments.count() == 4
