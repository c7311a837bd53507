"""A bonus for questions that cannot be guessed: promised by a batch within its budget, paid once for what is used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from adversarial.audit.live_guess import LONGEST, BlindGuesser, Guess
from annotation import tasks
from annotation.console.forecast import forecast
from annotation.console.tally import tally
from annotation.crowd import decisions, launch, reconcile
from annotation.crowd.client import Crowd
from annotation.crowd.workers import blind_bonuses, bonuses
from annotation.crowd.workers.bonuses import BonusError
from annotation.models import Assignment, Batch, BlindCheck, Bonus, Finding, Hit, LedgerEntry, Segment
from annotation.models.crowd import Environment, Kind
from annotation.review import blind_check, ledger, verdicts
from annotation.review.verdicts import Verdict
from benchmark_site.jobs import asking, listening
from tests.annotation.crowd.orders import launch_batch, make_batch, use
from tests.annotation.crowd.test_reconcile import complete, money, money_there
from tests.annotation.pages.task.test_task_page import frame_url
from tests.annotation.review.test_blind_check import EASY, FAIR
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = pytest.mark.django_db
PROMISED = Decimal("0.10")
WITH_FEE = Decimal("0.12")  # of 20 %
REWARD, REWARD_FEE = Decimal("0.12"), Decimal("0.02")


@pytest.fixture(autouse=True)
def on(settings: Any) -> Iterator[None]:
    settings.BLIND_IN_THE_LOOP = True
    blind_check._guesser.cache_clear()
    yield
    blind_check._guesser.cache_clear()


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def batch(segment: Segment, crowd: Site) -> Batch:
    """Two questions about one moment are asked for; the worst case is all that it may cost."""
    return launch_batch(make_batch(Kind.QA, "0.52", blind_bonus=PROMISED))


def send(batch: Batch, worker: WorkerBrowser, texts: dict[str, str]) -> Assignment:
    worker.do(batch.hit_type_id, answer=json.dumps(texts))
    reconcile.follow("local")
    return Assignment.objects.latest("pk")


def come_to_rest() -> None:
    """What the sweeper wakes, until nothing waits."""
    for check in blind_bonuses.to_look_at():
        tasks.look_blind.run(check_id=check.pk)
    for check in blind_bonuses.due():
        tasks.reward_unguessed.run(check_id=check.pk)
    for bonus in Bonus.objects.filter(state=Bonus.State.WAITING):
        tasks.push_bonus.run(bonus_id=bonus.pk)


def paid_there(answer: Assignment) -> list[Decimal]:
    return [bonus.amount for bonus in Crowd("local").bonuses_of(answer.assignment_id)]


def test_who_writes_what_cannot_be_guessed_gets_the_bonus_once(
    batch: Batch, annotators: list[WorkerBrowser], crowd: Site, staff: Client
) -> None:
    fair = send(batch, annotators[2], FAIR)
    easy = send(batch, annotators[5], EASY)
    come_to_rest()
    states = dict(BlindCheck.objects.values_list("assignment", "state"))
    assert states == {fair.pk: BlindCheck.State.RESISTED, easy.pk: BlindCheck.State.GUESSED}
    assert BlindCheck.objects.get(assignment=easy).why == LONGEST
    page = staff.get(f"/batches/{batch.pk}/review/").content.decode()
    assert "A bonus of $0.10 is promised for what cannot be guessed: not guessed without the film." in page
    assert not Bonus.objects.exists(), "nothing is paid for what nobody has used"
    for answer in (fair, easy):
        use(answer)
    for _ in range(3):
        come_to_rest()
    complete()
    assert (paid_there(fair), paid_there(easy)) == ([PROMISED], [])
    bonus = Bonus.objects.get()
    assert (bonus.amount, bonus.reason) == (PROMISED, blind_bonuses.REASON)
    assert blind_bonuses.REASON in annotators[2].table()
    spent = 2 * (REWARD + REWARD_FEE) + WITH_FEE
    assert ledger.totals(batch)["bonus"] == PROMISED
    assert money(batch) == money_there(crowd, batch) == (spent, Decimal("0.00"))
    assert ledger.committed(batch) == spent
    assert not Finding.objects.exists()


def test_a_model_that_learnt_of_the_question_meanwhile_has_not_seen_it(
    batch: Batch, annotators: list[WorkerBrowser], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[list[str]] = []
    fit = BlindGuesser.__init__

    def seen(self: BlindGuesser, items: list[Any], seed: int = 0) -> None:
        fitted.append([item.question for item in items])
        fit(self, items, seed)

    monkeypatch.setattr(BlindGuesser, "__init__", seen)
    use(send(batch, annotators[2], FAIR))
    come_to_rest()
    blind_check._guesser.cache_clear()
    blind_check.judge(EASY)
    assert fitted == [[], [FAIR["question"]]]


@pytest.mark.parametrize("verdict", [Verdict.PAY, Verdict.REJECT])
def test_what_is_left_out_gets_no_bonus_and_frees_what_was_kept_for_it(
    batch: Batch, annotators: list[WorkerBrowser], verdict: Verdict
) -> None:
    answer = send(batch, annotators[2], FAIR)
    verdicts.decide(answer.pk, verdict, None, "nobody can answer it")
    decisions.push_decision(answer.pk)
    come_to_rest()
    complete()
    assert not Bonus.objects.exists()
    open_answers = 1 if verdict == Verdict.PAY else 2  # one in the place of what is rejected
    paid = REWARD + REWARD_FEE if verdict == Verdict.PAY else Decimal(0)
    assert ledger.committed(batch) == paid + open_answers * (REWARD + REWARD_FEE + WITH_FEE)


def test_what_the_marketplace_paid_by_itself_gets_it_once_it_is_used_for_good(
    batch: Batch, annotators: list[WorkerBrowser], staff: Client
) -> None:
    answer = send(batch, annotators[2], FAIR)
    Crowd("local").approve(answer.assignment_id)
    reconcile.follow("local")
    come_to_rest()
    assert not Bonus.objects.exists()
    assert ledger.committed(batch) == 2 * (REWARD + REWARD_FEE + WITH_FEE), "it may be used yet"
    staff.post(f"/assignments/{answer.pk}/decide/", {"verdict": "use"})
    come_to_rest()
    assert not Bonus.objects.exists(), "its use can be taken back"
    Assignment.objects.update(tell_at=timezone.now() - timedelta(seconds=1))
    come_to_rest()
    assert paid_there(answer) == [PROMISED]


def test_the_bonus_is_within_the_budget(batch: Batch, annotators: list[WorkerBrowser], segment: Segment) -> None:
    small = make_batch(Kind.QA, "0.51", blind_bonus=PROMISED)
    with pytest.raises(launch.LaunchError, match=r"cost up to \$0.52, the budget is \$0.51"):
        launch.request_launch(small.pk)
    assert ledger.committed(batch) == Decimal("0.52")
    answer = send(batch, annotators[2], FAIR)
    with pytest.raises(BonusError, match=r"\$0.00 of the budget"):
        bonuses.promise(answer.pk, Decimal("0.01"), "very good work")
    use(answer)
    assert ledger.committed(batch) == Decimal("0.52"), "nobody has looked at it yet"
    come_to_rest()
    assert ledger.committed(batch) == Decimal("0.52")
    assert paid_there(answer) == [PROMISED]


def test_the_forecast_counts_what_may_be_earned(batch: Batch, annotators: list[WorkerBrowser]) -> None:
    def in_the_end() -> Decimal:
        return forecast(batch, ledger.totals(batch), tally(batch)).cost

    assert in_the_end() == Decimal("0.52")
    use(send(batch, annotators[2], FAIR))
    assert in_the_end() == Decimal("0.52"), "nobody has looked at it yet"
    (check,) = BlindCheck.objects.all()
    blind_bonuses.look(check.pk)
    blind_bonuses.reward(check.pk)
    assert in_the_end() == Decimal("0.52"), "it is ordered"
    come_to_rest()
    assert in_the_end() == Decimal("0.52"), "it is paid"
    use(send(batch, annotators[5], EASY))
    come_to_rest()
    assert in_the_end() == ledger.totals(batch)["spent"] == Decimal("0.40")


def test_a_budget_that_does_not_allow_it_is_told_and_nothing_is_lost(
    batch: Batch, annotators: list[WorkerBrowser]
) -> None:
    answer = send(batch, annotators[2], FAIR)
    use(answer)
    Batch.objects.filter(pk=batch.pk).update(budget="0.30")  # by hand: no page does
    for _ in range(2):
        come_to_rest()
    assert "the bonus is not ordered" in Finding.objects.get().text
    assert BlindCheck.objects.get().state == BlindCheck.State.RESISTED
    Batch.objects.filter(pk=batch.pk).update(budget="0.52")
    come_to_rest()
    assert paid_there(answer) == [PROMISED]
    assert LedgerEntry.objects.filter(kind="bonus").count() == 1


def test_nothing_is_paid_before_the_answer_is(batch: Batch, annotators: list[WorkerBrowser]) -> None:
    answer = send(batch, annotators[2], FAIR)
    Batch.objects.filter(pk=batch.pk).update(budget="5.00")  # what is left would not allow it anyway
    verdicts.decide(answer.pk, Verdict.USE, None)
    come_to_rest()
    assert not Bonus.objects.exists(), "the marketplace has not been told that it is accepted"
    decisions.push_decision(answer.pk)
    (check,) = BlindCheck.objects.all()
    assert (check.state, ledger.committed(batch)) == (BlindCheck.State.RESISTED, Decimal("0.52")), "the bonus is kept"
    come_to_rest()
    assert paid_there(answer) == [PROMISED]


def test_who_is_woken_too_early_or_again_rewards_nobody(batch: Batch, annotators: list[WorkerBrowser]) -> None:
    fair, easy = (
        send(batch, worker, {**texts, "question": question})
        for worker, texts, question in (
            (annotators[2], FAIR, "What is lifted?"),
            (annotators[5], EASY, "What does she lift?"),
        )
    )
    for answer in (fair, easy):
        blind_bonuses.reward(BlindCheck.objects.get(assignment=answer).pk)
    use(easy)
    come_to_rest()
    for answer in (fair, easy):
        blind_bonuses.reward(BlindCheck.objects.get(assignment=answer).pk)
    assert not Bonus.objects.exists(), "one was guessed, the other is not used"
    use(fair)
    for _ in range(2):
        blind_bonuses.reward(BlindCheck.objects.get(assignment=fair).pk)
    assert Bonus.objects.get().assignment == fair


def test_what_was_looked_at_is_not_looked_at_again(
    batch: Batch, annotators: list[WorkerBrowser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The models learn of a question once it is used, and would guess it then."""
    use(send(batch, annotators[2], FAIR))
    (check,) = BlindCheck.objects.all()
    tasks.look_blind.run(check_id=check.pk)
    monkeypatch.setattr(blind_check, "judge", lambda payload: Guess(1.0, LONGEST))
    tasks.look_blind.run(check_id=check.pk)
    check.refresh_from_db()
    assert (check.state, check.why) == (BlindCheck.State.RESISTED, "")


@pytest.mark.parametrize(("budget", "allowed"), [("0.77", False), ("0.78", True)])
def test_asking_again_keeps_the_bonus_of_one_more(
    batch: Batch, annotators: list[WorkerBrowser], budget: str, allowed: bool
) -> None:
    answer = send(batch, annotators[2], FAIR)
    Batch.objects.filter(pk=batch.pk).update(budget=budget)
    if allowed:
        assert verdicts.decide(answer.pk, Verdict.AGAIN, None).again
    else:
        with pytest.raises(verdicts.ReviewError, match="budget"):
            verdicts.decide(answer.pk, Verdict.AGAIN, None)


def test_that_a_clip_is_broken_is_no_question(batch: Batch, annotators: list[WorkerBrowser]) -> None:
    send(batch, annotators[2], {"broken": "does not play"})
    assert not BlindCheck.objects.exists()


def test_nobody_is_asked_while_nobody_looks(batch: Batch, annotators: list[WorkerBrowser], settings: Any) -> None:
    send(batch, annotators[2], FAIR)
    settings.BLIND_IN_THE_LOOP = False
    assert not blind_bonuses.to_look_at().exists()
    settings.BLIND_IN_THE_LOOP = True
    assert blind_bonuses.to_look_at().count() == 1
    assert django_settings.CELERY_TASK_ROUTES["annotation.tasks.look_blind"] == {"queue": "blind"}


def order(staff: Client, **values: str) -> str:
    """Send the form of a new batch; the page that follows."""
    draft = {"name": "asked", "kind": "qa", "environment": "local", "reward": "0.12", "assignments_per_hit": "2",
             "hidden_share": "0", "seed": "0", "gold_share": "0", "budget": "5"}  # fmt: skip
    return staff.post("/batches/new/", draft | values, follow=True).content.decode()


def test_a_requester_orders_it_and_the_worker_is_told(staff: Client, segment: Segment, settings: Any) -> None:
    assert "Only questions can be guessed" in order(staff, kind="query", blind_bonus="0.10")
    assert "greater than or equal to 0.01" in order(staff, blind_bonus="0")
    settings.BLIND_IN_THE_LOOP = False
    assert "BLIND_IN_THE_LOOP is off" in order(staff, blind_bonus="0.10")
    settings.BLIND_IN_THE_LOOP = True
    shown = order(staff, blind_bonus="0.10")
    assert "$0.10 for each question that is used and that blind models cannot guess" in shown
    assert "Worst case: <strong>$0.52</strong>" in shown
    batch = Batch.objects.get()
    launch.request_launch(batch.pk)
    launch._make_first_hits(batch)
    task = Client().get(frame_url(batch.hits.get())).content.decode()
    assert '$0.12 + $0.10<span class="wide"> if unguessable' in task
    Batch.objects.update(blind_bonus=None)
    assert "unguessable" not in Client().get(frame_url(batch.hits.get())).content.decode()


def test_nobody_is_promised_what_nobody_looks_at(segment: Segment, crowd: Site, settings: Any) -> None:
    batch = make_batch(Kind.QA, "9.00", blind_bonus=PROMISED)
    settings.BLIND_IN_THE_LOOP = False
    with pytest.raises(launch.LaunchError, match="nobody looks: BLIND_IN_THE_LOOP is off"):
        launch.request_launch(batch.pk)
    settings.BLIND_IN_THE_LOOP = True
    launch_batch(batch)
    batch.hits.update(state=Hit.State.EXPIRED)
    settings.BLIND_IN_THE_LOOP = False
    with pytest.raises(launch.LaunchError, match="nobody looks: BLIND_IN_THE_LOOP is off"):
        launch.request_relaunch(batch.pk)
    Batch.objects.update(blind_bonus=None)
    assert launch.request_relaunch(batch.pk) == 1


def test_real_money_is_promised_where_a_worker_looks(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    batch = make_batch(Kind.QA, blind_bonus=PROMISED, environment=Environment.LIVE)
    with pytest.raises(launch.LaunchError, match="no worker of the queue “blind” is running"):
        launch.request_launch(batch.pk, "0.52")
    listening.say(["blind"])
    try:
        launch.request_launch(batch.pk, "0.52")
    finally:
        asking.open_store().delete("listened:blind")
    batch.refresh_from_db()
    assert batch.state == Batch.State.LAUNCHING


@pytest.mark.parametrize("values", [{"kind": "query"}, {"blind_bonus": 0}, {"blind_bonus": -1}])
def test_no_batch_promises_what_makes_no_sense(values: dict[str, Any]) -> None:
    batch = make_batch(Kind.QA, blind_bonus=PROMISED)
    with pytest.raises(IntegrityError, match="batch_blind_bonus_of_questions"), transaction.atomic():
        Batch.objects.filter(pk=batch.pk).update(**values)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"state": "resisted"}, "has_a_chance"),
        ({"chance": 0.5}, "has_a_chance"),
        ({"state": "guessed", "chance": 1.5}, "has_a_chance"),
        ({"state": "resisted", "chance": 0.25, "why": "it is the longest"}, "says_why"),
    ],
)
def test_a_check_is_what_it_says(
    batch: Batch, annotators: list[WorkerBrowser], values: dict[str, Any], name: str
) -> None:
    send(batch, annotators[2], FAIR)
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        BlindCheck.objects.update(**values)
