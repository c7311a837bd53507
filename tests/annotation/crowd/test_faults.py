"""What may go wrong between requester, platform, marketplace and worker, and which test lets it go wrong.

The tests of this file are of those faults that no other file is about. Each enters through HTTP, a clock or a death
of ours, and both sides are read afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from annotation import tasks
from annotation.crowd import client as gateway
from annotation.crowd import decisions, launch, reconcile
from annotation.crowd.client import Crowd
from annotation.crowd.workers import enrolment
from annotation.models import Assignment, Batch, Clip, Hit, LedgerEntry, Receipt, Worker
from annotation.review import verdicts
from annotation.review.verdicts import Verdict
from tests.annotation.crowd.orders import GOOD, every_hit, launch_batch, make_batch
from tests.annotation.crowd.test_reconcile import money, money_there
from tests.marketplace.site import Page, Site, WorkerBrowser

pytestmark = pytest.mark.django_db
TESTS = Path(__file__).resolve().parents[2]

# Each fault, and the tests (or, where it cannot happen, why).
FAULTS = {
    "death between the answer of CreateHIT and its commit": ["launching_again_after_a_crash", "postgresql_killed"],
    "the answer of CreateHIT is lost": ["a_lost_answer_of_create_hit_is_one_hit"],
    "a launch resumed when its tokens are dead": ["resumed_after_its_tokens_died"],
    "throttled in the middle of a launch": ["a_launch_that_fails_half_way_goes_on"],
    "ServiceFault for minutes": ["a_launch_that_fails_half_way_goes_on"],
    "half launched, then stopped": ["a_launch_that_is_stopped_half_way_ends"],
    "two operators launch one batch": ["two_operators_launch_once"],
    "the wrong environment": ["real_money_is_spent_after", "without_keys_a_launch", "local_is_never_amazon"],
    "the balance runs out in the middle": ["an_account_that_runs_dry"],
    "the budget is reached while people work": ["promises_count_against_the_budget", "may_still_send_after_a_stop"],
    "a notice comes twice": ["a_notice_can_come_twice"],
    "a notice is lost": ["a_pass_reads_only_what_has_changed"],  # notices are not used: every pass asks
    "a double click on submit": ["a_double_click_is_one_receipt", "equal_their_source"],
    "our server is down at submit": ["a_lost_network_loses_nothing", "an_answer_becomes_a_segment"],  # no receipt there
    "our server has it, the marketplace does not": ["is_offered_until_the_marketplace", "lost_is_compensated_once"],
    "an AssignmentId goes to the next worker": ["an_id_that_goes_to_the_next_worker"],
    "a submit with made-up ids": ["made_up_ids_earn_nothing", "a_made_up_unit"],
    "another workerId in the address": ["the_marketplace_says_who_worked"],
    "two tabs": ["the_later_of_two_tabs", "the_second_of_two_tabs"],
    "returned, then taken by another": ["an_id_that_goes_to_the_next_worker"],
    "accepted before the end, sent after it": ["may_still_send_after_a_stop"],
    "a HIT ends without answers": ["units_that_expire_give_their_money_back"],
    "our clock is wrong": ["a_wrong_clock_is_said"],
    "approved by the clock during review": ["that_the_clock_approved", "a_rejection_that_comes_after_the_clock"],
    "the answer of ApproveAssignment is lost": ["a_lost_answer_of_approve_pays_once"],
    "two reviewers": ["the_first_of_two_reviewers_wins"],
    "rejected by mistake": ["a_verdict_of_the_page_can_be_taken_back", "that_another_client_overrides_is_booked"],
    "the answer of SendBonus is lost": ["a_lost_answer_of_send_bonus", "is_not_paid_again_days_later"],
    "a file of bonuses is run twice": ["a_second_run_pays_nothing"],
    "ten assignments of one HIT": ["no_hit_is_extended_to_ten"],
    "the same extension twice, or none": ["a_lost_answer_of_an_extension", "a_death_between_a_verdict"],
    "a clip that does not play": ["that_a_clip_is_broken_is_an_answer", "a_broken_clip_is_paid"],
    "a segment edited under open HITs": "segments are never edited: a new one is a new unit",
    "a worker changes the group after accepting": ["only_a_worker_of_another_group_is_reported"],
    "granting a qualification fails": ["an_admission_that_fails"],
    "a block fails half way": ["a_block_that_fails_half_way"],
    "a HIT is gone": ["hits_that_are_gone_end", "a_hit_of_another_server_ends"],
    "a page of a list fails": ["a_page_that_fails_is_read_again"],
    "odd text": ["free_text_comes_back_as_it_was", "what_is_not_answers_is_refused"],
    "a database from yesterday": ["a_database_from_yesterday_finds", "a_database_from_yesterday_does_not"],
    "keys are changed while somebody works": ["a_task_opened_under_the_old_key"],
    "a release is built while people review": ["another_overtook_takes_its_snapshot_anew"],
}


@pytest.fixture(scope="module")
def all_tests() -> str:
    return "\n".join(path.read_text() for path in TESTS.rglob("test_*.py"))


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_a_test(fault: str, all_tests: str) -> None:
    named = FAULTS[fault]
    missing = [] if isinstance(named, str) else [n for n in named if not re.search(rf"def test_\w*{n}", all_tests)]
    assert missing == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One try a call: what fails, fails."""
    monkeypatch.setattr(gateway, "RETRIES", {"mode": "standard", "total_max_attempts": 1})


@pytest.fixture
def six(clip: Clip) -> list[Clip]:
    more = [Clip(video=clip.video, start=30.0 * n, end=30.0 * (n + 1)) for n in range(1, 6)]
    return [clip, *Clip.objects.bulk_create(more)]


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def mine(batch: Batch) -> list[dict[str, Any]]:
    batch.refresh_from_db()
    return [hit for hit in every_hit() if hit["HITTypeId"] == batch.hit_type_id]


@pytest.mark.parametrize("kind", ["throttling", "service_fault", "lost_answer"])
def test_a_launch_that_fails_half_way_goes_on(
    six: list[Clip], crowd: Site, staff: Client, impatient: None, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "PAGE_OF_UNITS", 4)
    batch = make_batch()
    launch.request_launch(batch.pk)
    launch.launch(batch.pk)
    crowd.faults(add={"kind": kind, "operation": "CreateHITWithHITType", "remaining": 1})
    with pytest.raises(gateway.CrowdError):
        tasks.launch_batch.run(batch_id=batch.pk)
    assert launch.TROUBLE in staff.get(f"/batches/{batch.pk}/").content.decode()
    tasks.launch_batch.run(batch_id=batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.error) == (Batch.State.OPEN, "")
    assert {hit["HITId"] for hit in mine(batch)} == set(batch.hits.values_list("hit_id", flat=True))
    assert len(mine(batch)) == 6
    assert money(batch) == money_there(crowd, batch)


def test_two_operators_launch_once(six: list[Clip], crowd: Site, staff: Client) -> None:
    batch = make_batch()
    first = staff.post(f"/batches/{batch.pk}/launch/", follow=True).content.decode()
    second = staff.post(f"/batches/{batch.pk}/launch/", follow=True).content.decode()
    assert "Launching." in first
    assert "is launching: only a draft can be launched" in second
    for _ in range(2):  # and both their messages arrive
        launch.launch(batch.pk)
    assert len(mine(batch)) == 6


def test_local_is_never_amazon(settings: Any) -> None:
    settings.MTURK_ENDPOINT_URL = gateway.AMAZON["live"]
    with pytest.raises(ImproperlyConfigured, match="points to Amazon"):
        Crowd("local")


def test_an_account_that_runs_dry_says_how_much_is_missing_and_goes_on(
    six: list[Clip], crowd: Site, settings: Any, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MTURK_ACCESS_KEY, settings.MTURK_SECRET = crowd.account("1.68")
    monkeypatch.setattr(launch, "PAGE_OF_UNITS", 4)
    batch = make_batch()
    launch.request_launch(batch.pk)
    launch.launch(batch.pk)
    Crowd("local").client.create_hit(
        Title="Another client's", Description="d", Reward="0.20", AssignmentDurationInSeconds=600,
        LifetimeInSeconds=600, MaxAssignments=1, Question=launch.external_question(batch.hits.all()[0]),
    )  # fmt: skip
    tasks.launch_batch.run(batch_id=batch.pk)
    assert "add $0.24" in staff.get(f"/batches/{batch.pk}/").content.decode()
    assert len(mine(batch)) == 4
    crowd.manage("deposit", "--name", f"Video lab {settings.MTURK_ACCESS_KEY}", "--amount", "0.24")
    tasks.launch_batch.run(batch_id=batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.error, len(mine(batch))) == (Batch.State.OPEN, "", 6)


def test_a_wrong_clock_is_said_on_the_page_and_forgotten_once_it_is_right(
    clip: Clip, crowd: Site, staff: Client, impatient: None
) -> None:
    batch = make_batch()
    launch.request_launch(batch.pk)
    crowd.faults(add={"kind": "clock_skew", "operation": "*", "remaining": 20, "seconds": 400})
    with pytest.raises(ClientError):
        tasks.launch_batch.run(batch_id=batch.pk)
    assert "InvalidSignature" in staff.get(f"/batches/{batch.pk}/").content.decode()
    crowd.faults(clear=True)
    tasks.launch_batch.run(batch_id=batch.pk)
    batch.refresh_from_db()
    assert (batch.state, batch.error) == (Batch.State.OPEN, "")


def in_our_frame(client: Client, address: str) -> Page:
    """What our page answers to the good answer, sent from the frame of this address."""
    path = address.replace("http://localhost:8000", "")
    form = Page(httpx.Response(200, text=client.get(path).content.decode())).forms[0]
    answer = client.post(path.partition("?")[0], {**form["fields"], "start": "5.0", "end": "12.0"})
    assert answer.status_code == 200
    return Page(httpx.Response(200, text=answer.content.decode()))


def test_an_id_that_goes_to_the_next_worker_pays_and_counts_that_one(
    clip: Clip, crowd: Site, client: Client, annotators: list[WorkerBrowser]
) -> None:
    """The first sends to us, returns the task at the marketplace, and the second gets the same AssignmentId."""
    batch = launch_batch(make_batch(assignments_per_hit=1))
    first, second = annotators[0], annotators[3]
    page = first.accept(batch.hit_type_id)
    assert page.frame is not None
    in_our_frame(client, page.frame)
    first.press(page, "return")
    other = second.accept(batch.hit_type_id)
    assert other.frame is not None
    assert other.parameter("assignmentId") == page.parameter("assignmentId")
    fresh = client.get(other.frame.replace("http://localhost:8000", "")).content.decode()
    assert "Received" not in fresh, "the second starts clean"
    assert second.submit(other, answer=json.dumps({"start": 1.0, "end": 8.0})).status == 200
    reconcile.follow("local")
    answer = Assignment.objects.get()
    assert (answer.worker.worker_id, answer.payload) == (second.id, {"start": 1.0, "end": 8.0})
    verdicts.decide(answer.pk, Verdict.PAY, None)
    decisions.push_decision(answer.pk)
    assert LedgerEntry.objects.get(kind="reward").assignment == answer
    assert money(batch) == money_there(crowd, batch) == (Decimal("0.14"), Decimal("0.00"))
    assert Receipt.objects.get().worker_id == first.id, "kept, and nobody's answer"


def test_made_up_ids_earn_nothing(clip: Clip, crowd: Site, client: Client) -> None:
    batch = launch_batch(make_batch())
    address = launch.external_question(batch.hits.get()).partition("<ExternalURL>")[2].partition("<")[0]
    address += f"?assignmentId=3MADEUP&workerId=AMADEUP&hitId=3H&turkSubmitTo={crowd.url}"
    in_our_frame(client, address)
    reconcile.follow("local")
    assert Receipt.objects.count() == 1
    assert not Assignment.objects.exists()
    assert not Worker.objects.filter(worker_id="AMADEUP").exists()
    assert money(batch) == (0, Decimal("0.28"))


def test_the_marketplace_says_who_worked(
    clip: Clip, crowd: Site, client: Client, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=1))
    worker, other = annotators[0], annotators[3]
    page = worker.accept(batch.hit_type_id)
    assert page.frame is not None
    in_our_frame(client, page.frame.replace(worker.id, other.id))
    assert worker.submit(page, answer=json.dumps(GOOD)).status == 200
    reconcile.follow("local")
    assert Assignment.objects.get().worker.worker_id == worker.id
    assert Receipt.objects.get().worker_id == other.id


def test_a_lost_answer_of_an_extension_asks_for_one_more(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser], impatient: None
) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=1))
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    answer = Assignment.objects.get()
    verdicts.decide(answer.pk, Verdict.REJECT, None, "please mark one moment")
    crowd.faults(add={"kind": "lost_answer", "operation": "CreateAdditionalAssignmentsForHIT", "remaining": 1})
    with pytest.raises(gateway.CrowdError):
        decisions.push_decision(answer.pk)
    answer.refresh_from_db()
    assert answer.state == Assignment.State.REJECTING
    decisions.push_decision(answer.pk)
    (hit,) = mine(batch)
    assert (hit["MaxAssignments"], Hit.objects.get().wanted) == (2, 2)
    reconcile.follow("local")
    assert money(batch) == money_there(crowd, batch) == (0, Decimal("0.14"))


def test_an_admission_that_fails_is_made_again_into_the_same_group(lab: Any, crowd: Site, impatient: None) -> None:
    enrolment.open_enrolment("local")
    worker = crowd.worker()
    page = worker.get("/worker/qualifications/")
    asked = False
    for form in page.forms:
        if form["action"] == "request-qualification":
            worker.post(form["url"], form["fields"])
            asked = True
    assert asked
    crowd.faults(add={"kind": "service_fault", "operation": "AcceptQualificationRequest", "remaining": 1})
    with pytest.raises(ClientError):
        enrolment.admit_workers("local")
    group = Worker.objects.get(worker_id=worker.id).group
    Worker.objects.create(environment="local", worker_id="AOTHER", group=group)  # the smallest is another one by now
    assert enrolment.admit_workers("local") >= 1
    assert Worker.objects.get(worker_id=worker.id).group == group
    type_id = enrolment.group_qualification(Crowd("local"), "local").qualification_type_id
    held = Crowd("local").client.get_qualification_score(QualificationTypeId=type_id, WorkerId=worker.id)
    assert held["Qualification"]["IntegerValue"] == enrolment.GROUP_NUMBER[group]


def test_a_task_opened_under_the_old_key_is_taken_after_the_keys_have_changed(
    clip: Clip, client: Client, make_hit: Callable[..., Hit], settings: Any
) -> None:
    hit = make_hit("segment")
    address = launch.external_question(hit).partition("<ExternalURL>")[2].partition("<")[0]
    path = address.replace(settings.SITE_URL, "")
    where = {"assignmentId": "3A", "workerId": "AW", "turkSubmitTo": settings.MARKETPLACE_URL}
    form = Page(httpx.Response(200, text=client.get(path, where).content.decode())).forms[0]
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    answer = client.post(path, {**form["fields"], "start": "5", "end": "12"})
    assert answer.status_code == 200
    assert Receipt.objects.get().payload == GOOD
    settings.SECRET_KEY_FALLBACKS = []
    assert client.post(path, {**form["fields"], "start": "5", "end": "12"}).status_code == 404


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.AGAIN])
def test_a_death_between_a_verdict_and_asking_again_asks_again(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser], verdict: Verdict
) -> None:
    """A pass sees the verdict first, and leaves the answer to whoever tells it: that one asks again."""
    batch = launch_batch(make_batch(assignments_per_hit=1))
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    answer = Assignment.objects.get()
    verdicts.decide(answer.pk, verdict, None, "please mark one moment")
    if verdict == Verdict.REJECT:
        Crowd("local").reject(answer.assignment_id, "please mark one moment")
    else:
        Crowd("local").approve(answer.assignment_id)
    reconcile.follow("local")
    assert Hit.objects.get().state == Hit.State.OPEN
    decisions.push_decision(answer.pk)
    (hit,) = mine(batch)
    assert (hit["MaxAssignments"], Hit.objects.get().wanted, Hit.objects.get().state) == (2, 2, Hit.State.OPEN)
    annotators[3].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    assert Assignment.objects.count() == 2
    assert money(batch) == money_there(crowd, batch)
