"""Rules that hold whatever the code does, because the database refuses the rest."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from annotation.models import Answer, Assignment, Clip, Hit, LedgerEntry, Query, Question, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review import ledger

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def refuse(make: Callable[[], object]) -> str:
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        make()
    return str(caught.value)


def test_clips_are_windows_of_at_most_a_minute(clip: Clip) -> None:
    video = clip.video
    assert "clip_at_most_60_s" in refuse(lambda: Clip.objects.create(video=video, start=0, end=61))
    assert "clip_start_before_end" in refuse(lambda: Clip.objects.create(video=video, start=5, end=5))
    assert "clip_window_once" in refuse(lambda: Clip.objects.create(video=video, start=0, end=30))
    Clip.objects.create(video=video, start=0, end=150, imported=True)


def test_a_hit_is_about_one_clip_or_one_segment(make_hit: Callable[..., Hit], segment: Segment) -> None:
    hit = make_hit(Kind.SEGMENT)
    assert "hit_of_one_clip" in refuse(lambda: Hit.objects.filter(pk=hit.pk).update(segment=segment))
    assert "hit_of_one_clip" in refuse(lambda: Hit.objects.filter(pk=hit.pk).update(clip=None))
    assert "hit_launched_has_id" in refuse(lambda: Hit.objects.filter(pk=hit.pk).update(hit_id=None))


def test_a_question_has_one_right_answer(segment: Segment) -> None:
    question = Question.objects.create(public_id=1, segment=segment, text="What?")
    Answer.objects.create(question=question, position=0, text="a", correct=True)
    assert "answer_one_correct" in refuse(
        lambda: Answer.objects.create(question=question, position=1, text="b", correct=True)
    )


def test_who_saw_no_words_wrote_about_the_picture(segment: Segment) -> None:
    assert "query_type_v" in refuse(
        lambda: Query.objects.create(public_id=1, segment=segment, text="x", type="t", narration_hidden=True)
    )


def test_nobody_is_paid_twice_and_no_entry_ever_changes(make_hit: Callable[..., Hit], worker: Worker) -> None:
    hit = make_hit(Kind.SEGMENT)
    assignment = Assignment.objects.create(hit=hit, worker=worker, assignment_id="A1", answer="", submitted_at=NOW)
    ledger.hold([hit])
    ledger.pay(assignment)
    ledger.pay(assignment)
    assert LedgerEntry.objects.filter(kind="reward").count() == 1
    assert "ledger_one_reward" in refuse(
        lambda: LedgerEntry.objects.create(
            batch=hit.batch, kind="reward", amount=1, hit=hit, assignment=assignment, token="other"
        )
    )
    refuse(lambda: LedgerEntry.objects.update(amount=Decimal("9.99")))
    refuse(lambda: LedgerEntry.objects.all().delete())


@pytest.mark.parametrize(("reward", "fee"), [("0.12", "0.02"), ("0.15", "0.03"), ("0.07", "0.01"), ("0.01", "0.01")])
def test_fees_round_half_up_and_are_at_least_a_cent(reward: str, fee: str) -> None:
    assert ledger.fee(Decimal(reward)) == Decimal(fee)


def test_holds_and_payments_add_up(make_hit: Callable[..., Hit], worker: Worker) -> None:
    hit = make_hit(Kind.SEGMENT)
    ledger.hold([hit])
    assert ledger.totals(hit.batch)["held"] == Decimal("0.28")
    ledger.pay(Assignment.objects.create(hit=hit, worker=worker, assignment_id="A1", answer="", submitted_at=NOW))
    totals = ledger.totals(hit.batch)
    assert (totals["held"], totals["spent"]) == (Decimal("0.14"), Decimal("0.14"))
