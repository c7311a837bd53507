"""Which questions are looked at for the bonus that their batch promises, by whom, and what is kept for them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, transaction
from django.test import Client

from adversarial.audit.live_guess import LONGEST, Guess
from annotation import campaigns, tasks
from annotation.crowd.workers import blind_bonuses, bonuses
from annotation.crowd.workers.blind_bonuses import nobody_looks
from annotation.models import Assignment, Batch, BlindCheck, Bonus, Segment
from annotation.models.crowd import Environment, Kind
from annotation.review import blind_check, ledger
from benchmark_site.jobs import asking, listening
from tests.annotation.crowd.orders import launch_batch, make_batch, use
from tests.annotation.crowd.workers.test_blind_bonuses import (  # noqa: F401  (fixtures)
    PROMISED,
    REWARD,
    REWARD_FEE,
    WITH_FEE,
    batch,
    come_to_rest,
    on,
    send,
    staff,
)
from tests.annotation.review.test_blind_check import EASY, FAIR
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = pytest.mark.django_db


def test_where_nothing_is_promised_nobody_looks(segment: Segment, crowd: Site, annotators: list[WorkerBrowser]) -> None:
    plain = launch_batch(make_batch(Kind.QA))
    send(plain, annotators[2], FAIR)
    assert not BlindCheck.objects.exists()
    assert ledger.committed(plain) == 2 * (REWARD + REWARD_FEE)


def test_what_is_no_valid_answer_is_not_looked_at(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
) -> None:
    answer = send(batch, annotators[2], {name: text for name, text in FAIR.items() if name != "wrong_3"})
    assert answer.payload is None
    assert not BlindCheck.objects.exists()


def test_a_sweep_asks_for_the_first_ones_and_for_none_twice(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked, rewarded = [], []
    monkeypatch.setattr(tasks.look_blind, "apply_async", lambda kwargs, expires: looked.append(kwargs["check_id"]))
    monkeypatch.setattr(tasks.reward_unguessed, "delay", lambda check_id: rewarded.append(check_id))
    monkeypatch.setattr(blind_bonuses, "AT_ONCE", 1)
    for worker, texts in ((annotators[2], FAIR), (annotators[5], {**FAIR, "question": "What is lifted?"})):
        use(send(batch, worker, texts))
    first, second = BlindCheck.objects.order_by("pk")
    tasks.sweep()
    assert (looked, rewarded) == ([first.pk], [])
    blind_bonuses.look(first.pk)
    tasks.sweep()
    assert (looked, rewarded) == ([first.pk, second.pk], [first.pk])
    blind_bonuses.reward(first.pk)
    blind_bonuses.look(second.pk)
    tasks.sweep()
    assert (looked, rewarded) == ([first.pk, second.pk], [first.pk, second.pk])


def test_of_two_who_look_at_once_the_first_word_stands(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(batch, annotators[2], FAIR)
    (check,) = BlindCheck.objects.all()

    def beside_another(payload: dict[str, Any]) -> Guess:
        BlindCheck.objects.update(state=BlindCheck.State.RESISTED, chance=0.2)
        return Guess(0.9, LONGEST)

    monkeypatch.setattr(blind_check, "judge", beside_another)
    blind_bonuses.look(check.pk)
    check.refresh_from_db()
    assert (check.state, check.chance, check.why) == (BlindCheck.State.RESISTED, 0.2, "")


def test_what_is_kept_for_one_batch_is_not_taken_from_another(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
    segment: Segment,
) -> None:
    """Of a paid question that waits for its bonus, and of one whose bonus is ordered."""
    other = make_batch(Kind.QA, blind_bonus=PROMISED)
    answer = send(batch, annotators[2], FAIR)
    use(answer)
    assert (ledger.committed(batch), ledger.committed(other)) == (Decimal("0.52"), 0)
    (check,) = BlindCheck.objects.all()
    blind_bonuses.look(check.pk)
    assert ledger.committed(other) == 0
    blind_bonuses.reward(check.pk)
    assert Bonus.objects.get().state == Bonus.State.WAITING
    assert (ledger.committed(batch), ledger.committed(other)) == (Decimal("0.52"), 0)


def test_a_question_that_waits_for_its_verdict_is_kept_once(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
) -> None:
    """As one of the answers to be paid, and not beside that as one that is looked at."""
    send(batch, annotators[2], FAIR)
    assert ledger.committed(batch) == Decimal("0.52")
    come_to_rest()
    assert ledger.committed(batch) == Decimal("0.52")


def test_the_bonus_is_no_more_than_what_was_promised_with_its_fee(segment: Segment) -> None:
    asked = make_batch(Kind.QA, blind_bonus=PROMISED)
    plain = make_batch(Kind.QA)
    assert (ledger.blind_bonus_cost(asked), ledger.blind_bonus_cost(plain)) == (WITH_FEE, 0)
    assert campaigns.cost(asked) == {
        "units": 1, "answers": 2, "rewards": Decimal("0.24"), "bonuses": Decimal("0.20"), "fees": Decimal("0.08"),
        "total": Decimal("0.52"), "budget": Decimal("5.00"),
    }  # fmt: skip


def test_who_pays_reads_on_the_review_page_what_was_seen_of_a_question(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
    staff: Client,  # noqa: F811
) -> None:
    send(batch, annotators[2], EASY)
    address, promised = f"/batches/{batch.pk}/review/", "A bonus of $0.10 is promised for what cannot be guessed: "
    assert f"{promised}not looked at yet." in staff.get(address).content.decode()
    come_to_rest()
    assert f"{promised}guessed without the film ({LONGEST})." in staff.get(address).content.decode()
    reviewer, person = Client(), User.objects.create_user("rev")
    person.user_permissions.add(Permission.objects.get(content_type__app_label="annotation", codename="review"))
    reviewer.force_login(person)
    shown = reviewer.get(address)
    assert shown.status_code == 200
    assert promised not in shown.content.decode()
    Batch.objects.update(blind_bonus=None)
    assert "is promised for what cannot be guessed" not in staff.get(address).content.decode()


@pytest.mark.parametrize(
    ("environment", "listens", "refused"),
    [
        (Environment.LOCAL, False, False),
        (Environment.SANDBOX, False, False),
        (Environment.LIVE, False, True),
        (Environment.LIVE, True, False),
    ],
)
def test_a_worker_has_to_be_there_where_real_money_is_promised(
    db: None, environment: Environment, listens: bool, refused: bool
) -> None:
    asked = make_batch(Kind.QA, blind_bonus=PROMISED, environment=environment)
    if listens:
        listening.say(["blind"])
    try:
        assert bool(nobody_looks(asked)) == refused
        asked.blind_bonus = None
        assert nobody_looks(asked) == ""
    finally:
        asking.open_store().delete("listened:blind")


def test_another_amount_for_the_same_reason_is_no_second_bonus(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
) -> None:
    answer = send(batch, annotators[2], FAIR)
    use(answer)
    come_to_rest()
    assert bonuses.promise(answer.pk, PROMISED, blind_bonuses.REASON)[1] is False
    with pytest.raises(bonuses.BonusError, match=r"gets \$0.10 for this reason already"):
        bonuses.promise(answer.pk, Decimal("0.05"), blind_bonuses.REASON)


@pytest.mark.parametrize("values", [{"state": "resisted", "chance": -0.1}, {"state": "rewarded"}])
def test_a_chance_is_one(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
    values: dict[str, Any],
) -> None:
    send(batch, annotators[2], FAIR)
    with pytest.raises(IntegrityError, match="has_a_chance"), transaction.atomic():
        BlindCheck.objects.update(**values)


def test_an_answer_is_looked_at_once_however_often_it_is_stored(
    batch: Batch,  # noqa: F811
    annotators: list[WorkerBrowser],
) -> None:
    answer = send(batch, annotators[2], FAIR)
    blind_bonuses.expect(Assignment.objects.select_related("hit__batch").get(pk=answer.pk))
    assert BlindCheck.objects.count() == 1
