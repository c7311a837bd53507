"""How many answers of a batch are reviewed and rejected is kept where it changes, so that nothing has to be counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.crowd import decisions
from annotation.models import Assignment, Batch, Clip, Hit
from annotation.models.crowd import Kind
from annotation.review import verdicts
from annotation.review.verdicts import Verdict, decide
from tests.annotation.pages.test_review_page import give

BEFORE = [("annotation", "0026_receipt_by_worker")]


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_user("ada")


def kept() -> tuple[int, int]:
    batch = Batch.objects.get()
    assert (batch.reviewed, batch.rejected) == verdicts.share_of(list(Assignment.objects.all()))
    return batch.reviewed, batch.rejected


@pytest.mark.django_db
def test_every_way_in_which_an_answer_is_decided_is_counted(person: User, make_hit: Callable[..., Hit]) -> None:
    hit, later = make_hit(Kind.SEGMENT), timezone.now() + timedelta(minutes=10)
    rows = [give(hit, {"start": 5.0 * n, "end": 5.0 * n + 4}) for n in range(6)]
    decide(rows[0].pk, Verdict.PAY, person, tell_at=later)
    decide(rows[1].pk, Verdict.REJECT, person, "hardly watched", tell_at=later)
    assert kept() == (2, 1)
    verdicts.undo(hit.batch_id, person)
    assert kept() == (1, 0)
    decide(rows[1].pk, Verdict.REJECT, person, "hardly watched")
    assert verdicts.use_clean(hit.batch_id, rows[3].pk, person) == 2
    assert kept() == (4, 1)
    verdicts.undo(hit.batch_id, person)
    assert kept() == (2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("verdict", "word", "share"),
    [
        (None, "Approved", (0, 0)),
        (None, "Rejected", (1, 1)),
        (Verdict.PAY, "Approved", (1, 0)),
        (Verdict.PAY, "Rejected", (1, 1)),
        (Verdict.REJECT, "Rejected", (1, 1)),
        (Verdict.REJECT, "Approved", (1, 0)),
    ],
)
def test_the_word_of_the_marketplace_is_counted(
    verdict: Verdict | None, word: str, share: tuple[int, int], make_hit: Callable[..., Hit]
) -> None:
    row = give(make_hit(Kind.SEGMENT), {"start": 5.0, "end": 12.0})
    if verdict is not None:
        decide(row.pk, verdict, None, "hardly watched")
    for _ in range(2):  # the second time nothing is new
        decisions.record(Assignment.objects.select_related("hit__batch", "worker").get(pk=row.pk), word)
        assert kept() == share


@pytest.mark.django_db
def test_a_rejection_counts_no_answers(person: User, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": 5.0, "end": 12.0}) for _ in range(verdicts.SECOND_FROM + 1)]
    for row in rows[:-1]:
        decide(row.pk, Verdict.REJECT, None, "hardly watched")
    with CaptureQueriesContext(connection) as asked:
        decide(rows[-1].pk, Verdict.REJECT, person, "hardly watched")
    rows[-1].refresh_from_db()
    assert rows[-1].proposed_by == person, "it was known how many are rejected"
    assert not [query["sql"] for query in asked if "COUNT(" in query["sql"].upper()]


@pytest.mark.django_db
def test_no_more_are_rejected_than_reviewed(make_hit: Callable[..., Hit]) -> None:
    batch = make_hit(Kind.SEGMENT).batch
    with pytest.raises(IntegrityError, match="batch_rejected_of_reviewed"), transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(reviewed=1, rejected=2)


@pytest.mark.django_db(transaction=True)
def test_answers_of_before_are_counted_once(clip: Clip, make_hit: Callable[..., Hit]) -> None:
    last = MigrationExecutor(connection).loader.graph.leaf_nodes()  # also of apps that stand on it
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": 5.0, "end": 12.0}) for _ in range(4)]
    for row, verdict in zip(rows, (Verdict.PAY, Verdict.REJECT, Verdict.USE), strict=False):
        decide(row.pk, verdict, None, "hardly watched")
    try:
        MigrationExecutor(connection).migrate(BEFORE)
        MigrationExecutor(connection).migrate(last)
        assert kept() == (3, 1)
    finally:
        MigrationExecutor(connection).migrate(last)
