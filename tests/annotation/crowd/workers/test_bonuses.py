"""Bonuses, compensation and messages: ordered here, paid there once, whatever is lost between."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from annotation import tasks
from annotation.crowd import decisions, launch, reconcile
from annotation.crowd.client import TIME_ON_TASK, Crowd
from annotation.crowd.workers import bonuses, messages
from annotation.crowd.workers.bonuses import BonusError
from annotation.models import Assignment, Batch, Bonus, Clip, Finding, LedgerEntry, Message, Receipt, Worker
from annotation.review import ledger, verdicts
from annotation.review.verdicts import Verdict
from tests.annotation.crowd.orders import GOOD, launch_batch, make_batch
from tests.annotation.crowd.test_reconcile import DAY, complete, money, money_there, with_trigger_off
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = pytest.mark.django_db
HALF = Decimal("0.50")


@pytest.fixture
def answer(clip: Clip, annotators: list[WorkerBrowser]) -> Assignment:
    """One answer that waits for review, in a batch whose budget leaves $4.72 beside its units."""
    batch = launch_batch(make_batch())
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    return Assignment.objects.get()


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def paid_there(answer: Assignment) -> list[Decimal]:
    return [bonus.amount for bonus in Crowd("local").bonuses_of(answer.assignment_id)]


def promise(answer: Assignment, amount: Decimal = HALF, reason: str = "very good work") -> Bonus:
    return bonuses.promise(answer.pk, amount, reason)[0]


def test_a_bonus_is_ordered_on_the_workers_page_and_paid_once(
    answer: Assignment, crowd: Site, staff: Client, annotators: list[WorkerBrowser]
) -> None:
    page = f"/workers/{answer.worker_id}/"
    order = {"assignment": answer.assignment_id, "amount": "0.50", "reason": "very  good work"}
    assert "on its way" in staff.post(f"{page}bonus/", order, follow=True).content.decode()
    assert "was ordered before" in staff.post(f"{page}bonus/", order, follow=True).content.decode()
    bonus = Bonus.objects.get()
    assert ledger.committed(answer.hit.batch) == Decimal("0.56") - Decimal("0.28") + Decimal("0.60")
    for _ in range(3):
        bonuses.push_bonus(bonus.pk)
    complete()
    assert paid_there(answer) == [HALF]
    assert money(answer.hit.batch) == money_there(crowd, answer.hit.batch) == (Decimal("0.60"), Decimal("0.28"))
    assert not Finding.objects.exists(), "what we have paid ourselves is no news"
    shown = staff.get(page).content.decode()
    assert "bonuses $0.50" in shown
    assert "very good work" in shown
    assert "very good work" in annotators[0].table()


def test_a_bonus_for_an_assignment_of_somebody_else_is_refused(
    answer: Assignment, staff: Client, annotators: list[WorkerBrowser]
) -> None:
    other = Worker.objects.get(worker_id=annotators[3].id)
    order = {"assignment": answer.assignment_id, "amount": "0.50", "reason": "good"}
    shown = staff.post(f"/workers/{other.pk}/bonus/", order, follow=True).content.decode()
    assert "has sent no assignment" in shown
    assert not Bonus.objects.exists()


@pytest.mark.parametrize(
    ("amount", "reason", "why"),
    [("0.001", "good", "0.01 to"), ("NaN", "good", "0.01 to"), ("-1", "good", "0.01 to"),
     ("100000", "good", "0.01 to"), ("0.50", "  ", "needs a reason"), ("0.50", "x" * 501, "needs a reason"),
     ("3.94", "good", "\\$4.72 of the budget")],
)  # fmt: skip
def test_what_is_no_bonus_says_why(answer: Assignment, amount: str, reason: str, why: str) -> None:
    with pytest.raises(BonusError, match=why):
        promise(answer, Decimal(amount), reason)
    assert not Bonus.objects.exists()


def test_promises_count_against_the_budget(answer: Assignment) -> None:
    promise(answer, Decimal("2.00"), "one")
    with pytest.raises(BonusError, match=r"\$2.32 of the budget"):
        promise(answer, Decimal("2.00"), "two")
    Bonus.objects.update(state=Bonus.State.REFUSED)
    assert promise(answer, Decimal("2.00"), "two").amount == 2
    Batch.objects.update(state=Batch.State.CLOSED)
    answer.hit.batch.hits.update(state="expired")
    Batch.objects.update(budget=Decimal("2.80"))
    with pytest.raises(launch.LaunchError, match=r"\$0.12 of the budget is left"):
        launch.request_relaunch(answer.hit.batch_id)


def test_a_second_amount_for_the_same_reason_is_refused(answer: Assignment) -> None:
    promise(answer)
    with pytest.raises(BonusError, match="already"):
        promise(answer, Decimal("0.60"))


def test_a_lost_answer_of_send_bonus_pays_once(answer: Assignment, crowd: Site) -> None:
    bonus = promise(answer)
    crowd.faults(add={"kind": "lost_answer", "operation": "SendBonus", "remaining": 1})
    bonuses.push_bonus(bonus.pk)
    assert paid_there(answer) == [HALF]
    assert LedgerEntry.objects.filter(kind="bonus").count() == 1


def send_by_hand(answer: Assignment, amount: Decimal, reason: str, token: str) -> None:
    """As our worker does, which then dies before it writes anything; or as another client does."""
    Crowd("local").send_bonus(
        worker_id=answer.worker.worker_id,
        assignment_id=answer.assignment_id,
        amount=amount,
        reason=reason,
        token=token,
    )


def test_a_bonus_whose_payment_was_never_seen_is_not_paid_again_days_later(answer: Assignment, crowd: Site) -> None:
    """The token is dead by then; the marketplace's list knows."""
    bonus = promise(answer)
    send_by_hand(answer, HALF, f"very good work [b:{bonus.tag}]", bonus.tag)
    crowd.advance(2 * DAY)
    tasks.push_bonus.run(bonus_id=bonus.pk)
    bonus.refresh_from_db()
    assert bonus.state == Bonus.State.PAID
    assert paid_there(answer) == [HALF]
    assert money(answer.hit.batch) == money_there(crowd, answer.hit.batch)


def test_a_pass_takes_over_a_bonus_of_ours_that_was_paid_unseen(answer: Assignment, crowd: Site) -> None:
    bonus = promise(answer)
    send_by_hand(answer, HALF, f"very good work [b:{bonus.tag}]", bonus.tag)
    complete()
    bonus.refresh_from_db()
    assert bonus.state == Bonus.State.PAID
    assert not Finding.objects.exists()
    bonuses.push_bonus(bonus.pk)
    assert paid_there(answer) == [HALF]


def test_a_database_from_yesterday_does_not_pay_todays_bonus_again(answer: Assignment, crowd: Site) -> None:
    bonuses.push_bonus(promise(answer).pk)
    with_trigger_off()
    Bonus.objects.all().delete()
    crowd.advance(2 * DAY)
    complete()
    known, new = bonuses.promise(answer.pk, HALF, "very good work")
    assert (known.state, new) == (Bonus.State.PAID, False)
    assert money(answer.hit.batch) == money_there(crowd, answer.hit.batch)


def test_a_bonus_paid_twice_by_hand_is_booked_and_shown(answer: Assignment, crowd: Site) -> None:
    bonus = promise(answer)
    bonuses.push_bonus(bonus.pk)
    send_by_hand(answer, HALF, f"very good work [b:{bonus.tag}]", answer.assignment_id)
    for _ in range(2):
        complete()
    assert money(answer.hit.batch) == money_there(crowd, answer.hit.batch)
    assert "paid again" in Finding.objects.get().text


def test_a_tag_that_is_not_made_of_its_reason_is_of_another_client(answer: Assignment) -> None:
    bonus = promise(answer)
    send_by_hand(answer, Decimal("0.01"), f"copied from the list [b:{bonus.tag}]", answer.assignment_id)
    complete()
    bonus.refresh_from_db()
    assert bonus.state == Bonus.State.WAITING
    assert "another client" in Finding.objects.get().text


def test_an_account_that_is_short_of_money_pays_later(answer: Assignment, crowd: Site) -> None:
    Batch.objects.update(budget=Decimal("50000.00"))
    bonus = promise(answer, Decimal("20000.00"))
    tasks.push_bonus.run(bonus_id=bonus.pk)
    bonus.refresh_from_db()
    assert (bonus.state, "available" in bonus.error) == (Bonus.State.WAITING, True)
    assert paid_there(answer) == []


def test_a_bonus_that_the_marketplace_refuses_frees_its_money_and_can_be_ordered_again(
    answer: Assignment, staff: Client
) -> None:
    bonus = promise(answer)
    known = answer.assignment_id
    Assignment.objects.update(assignment_id="3UNKNOWN0000000000000")
    before = ledger.committed(answer.hit.batch)
    bonuses.push_bonus(bonus.pk)
    bonus.refresh_from_db()
    assert bonus.state == Bonus.State.REFUSED
    assert "does not exist" in staff.get(f"/workers/{answer.worker_id}/").content.decode()
    assert ledger.committed(answer.hit.batch) == before - Decimal("0.60")
    Assignment.objects.update(assignment_id=known)
    again, new = bonuses.promise(answer.pk, HALF, "very good work")
    assert new
    bonuses.push_bonus(again.pk)
    assert paid_there(answer) == [HALF]


def test_a_table_of_bonuses_is_paid_whole_or_not_and_a_second_run_pays_nothing(
    answer: Assignment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "bonuses.csv"
    row = f"{answer.assignment_id},{answer.worker.worker_id},0.50,"
    table.write_text(f"assignment,worker,amount,reason\n{row}one\n{row}two\nA1,{answer.worker.worker_id},1,three\n")
    with pytest.raises(CommandError, match=r"line 4: .* has sent no assignment 'A1'. Nothing is paid"):
        call_command("pay_bonuses", str(table))
    assert not Bonus.objects.exists()
    table.write_text(f"assignment,worker,amount,reason\n{row}one\n{row}two\n")
    for expected in ("2 bonuses on their way, 0 ordered before", "0 bonuses on their way, 2 ordered before"):
        call_command("pay_bonuses", str(table))
        assert expected in capsys.readouterr().out
        for bonus in Bonus.objects.all():
            bonuses.push_bonus(bonus.pk)
    assert paid_there(answer) == [HALF] * 2


@pytest.mark.parametrize(
    ("text", "why"),
    [("assignment,amount\n", "worker, reason missing"), ("\xff", "not UTF-8"), (None, "No such file")],
)
def test_a_table_that_cannot_be_read_says_why(db: None, tmp_path: Path, text: str | None, why: str) -> None:
    table = tmp_path / "bonuses.csv"
    if text is not None:
        table.write_bytes(text.encode("latin-1"))
    with pytest.raises(CommandError, match=why):
        call_command("pay_bonuses", str(table))


def test_work_that_was_lost_is_compensated_once(
    answer: Assignment, crowd: Site, staff: Client, annotators: list[WorkerBrowser]
) -> None:
    long_ago = timezone.now() - 2 * TIME_ON_TASK
    keys = {"hit": answer.hit, "worker_id": answer.worker.worker_id, "payload": {}}
    arrived = Receipt.objects.create(**keys, assignment_id=answer.assignment_id, sha256="0")
    lost = [Receipt.objects.create(**keys, assignment_id="3LOST", sha256=str(n)) for n in range(2)]
    Receipt.objects.create(**keys, assignment_id="3ATWORK", sha256="1")
    Receipt.objects.exclude(assignment_id="3ATWORK").update(received_at=long_ago)
    assert bonuses.lost_work(answer.worker) == lost[:1]
    page = f"/workers/{answer.worker_id}/"
    assert "marketplace did not" in staff.get(page).content.decode()
    with pytest.raises(BonusError, match="has arrived"):
        bonuses.compensate(arrived, HALF)
    for receipt in lost:
        staff.post(f"{page}lost/{receipt.pk}/", {"amount": "0.12"})
    bonus = Bonus.objects.get()
    bonuses.push_bonus(bonus.pk)
    assert paid_there(answer) == [Decimal("0.12")]
    assert "3LOST" in annotators[0].table()
    assert money(answer.hit.batch) == money_there(crowd, answer.hit.batch)


def test_lost_work_of_somebody_without_an_answer_cannot_be_paid(answer: Assignment) -> None:
    lost = Receipt.objects.create(hit=answer.hit, assignment_id="3L", worker_id="ASTRANGER", payload={}, sha256="0")
    with pytest.raises(BonusError, match="no answer at the marketplace"):
        bonuses.compensate(lost, HALF)


def test_a_message_reaches_whose_work_was_decided(
    answer: Assignment, staff: Client, annotators: list[WorkerBrowser]
) -> None:
    page = f"/workers/{answer.worker_id}/"
    text = {"subject": "Your last answer", "text": "Please mark one moment."}
    staff.post(f"{page}message/", text)
    messages.send(Message.objects.get().pk)
    assert "neither approved nor rejected" in staff.get(page).content.decode()
    verdicts.decide(answer.pk, Verdict.PAY, None)
    decisions.push_decision(answer.pk)
    staff.post(f"{page}message/", text)
    message = Message.objects.first()
    assert message is not None
    for _ in range(2):
        tasks.send_message.run(message_id=message.pk)
    message.refresh_from_db()
    assert message.state == Message.State.SENT
    assert annotators[0].get("/worker/messages/").text.count("Please mark one moment.") == 1
