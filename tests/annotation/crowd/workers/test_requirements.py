"""Who may work on a batch, how much, and what goes out first: canaries, entry tests, qualifications, daily caps."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from annotation import tasks
from annotation.crowd import launch, reconcile, steering
from annotation.crowd.client import Crowd
from annotation.crowd.workers.entry_tests import EntryTestError, parse
from annotation.crowd.workers.requirements import RequirementError, country_codes, own_qualifications
from annotation.models import Assignment, Batch, Clip, EntryTest, Hit, Receipt
from annotation.review import ledger, verdicts
from annotation.review.arrival import over_cap
from annotation.review.verdicts import Verdict
from tests.annotation.crowd.orders import GOOD, every_hit, launch_batch, make_batch
from tests.marketplace.site import Page, Site, WorkerBrowser

pytestmark = pytest.mark.django_db
QUESTIONS = """Which sentence describes a moment?
+ A man in a red coat pours tea into two cups
- The video is nice

What makes a moment good?
- It is the whole clip
+ Something happens in it
- Nobody speaks"""


@pytest.fixture
def clips(clip: Clip) -> list[Clip]:
    """Six clips of one film."""
    more = [Clip(video=clip.video, start=30.0 * n, end=30.0 * (n + 1)) for n in range(1, 6)]
    return [clip, *Clip.objects.bulk_create(more)]


@pytest.fixture
def requester(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def out(batch: Batch) -> int:
    """HITs of the batch at the marketplace."""
    batch.refresh_from_db()
    return sum(hit["HITTypeId"] == batch.hit_type_id for hit in every_hit())


@pytest.fixture
def canaries(clips: list[Clip], annotators: list[WorkerBrowser]) -> Batch:
    """Six units, two of them with the crowd."""
    batch = launch_batch(make_batch(canary=2, assignments_per_hit=1))
    assert (out(batch), batch.state, batch.held_back) == (2, Batch.State.OPEN, True)
    return batch


def test_the_rest_waits_behind_the_canaries_until_the_requester_says_so(canaries: Batch, requester: Client) -> None:
    launch.launch(canaries.pk)
    tasks.launch.release_approved()
    assert out(canaries) == 2
    assert ledger.totals(canaries)["held"] == 6 * Decimal("0.14"), "the budget is kept for all"
    assert "Launch the rest" in requester.get(f"/batches/{canaries.pk}/").content.decode()
    requester.post(f"/batches/{canaries.pk}/rest/")
    launch.launch(canaries.pk)
    assert (out(canaries), canaries.state, canaries.held_back) == (6, Batch.State.OPEN, False)
    shown = requester.post(f"/batches/{canaries.pk}/rest/", follow=True).content.decode()
    assert "nothing of it is held back" in shown


def test_the_rest_goes_out_by_itself_once_as_many_answers_are_used(
    canaries: Batch, annotators: list[WorkerBrowser]
) -> None:
    states = []
    for verdict in (Verdict.PAY, Verdict.USE):
        annotators[0].do(canaries.hit_type_id, answer=json.dumps(GOOD))
        reconcile.follow("local")
        answer = Assignment.objects.latest("pk")
        verdicts.decide(answer.pk, verdict, None)
        tasks.push_decision.run(assignment_id=answer.pk)
        launch.release_approved()
        canaries.refresh_from_db()
        states.append(canaries.state)
    assert states == [Batch.State.OPEN] * 2, "one of two canaries was paid and left out"
    Assignment.objects.update(used=True)
    launch.release_approved()
    launch.launch(canaries.pk)
    assert (out(canaries), canaries.state) == (6, Batch.State.OPEN)


def test_a_batch_behind_its_canaries_can_be_paused_and_stopped(canaries: Batch) -> None:
    steering.request_pause(canaries.pk)
    with pytest.raises(launch.LaunchError, match="nothing of it is held back"):
        launch.request_rest(canaries.pk)
    steering.request_resume(canaries.pk)
    with pytest.raises(launch.LaunchError, match="wait behind its canaries"):
        launch.request_relaunch(canaries.pk)
    steering.request_close(canaries.pk)
    assert steering.close(canaries.pk)
    canaries.refresh_from_db()
    assert (canaries.state, canaries.held_back, ledger.totals(canaries)["held"]) == (Batch.State.CLOSED, False, 0)
    assert launch.request_relaunch(canaries.pk) == 6


def test_more_canaries_than_units_hold_nothing_back(clips: list[Clip], crowd: Site) -> None:
    batch = launch_batch(make_batch(canary=6))
    assert (out(batch), batch.held_back) == (6, False)


@pytest.mark.parametrize(("share", "hidden"), [(0.0, 0), (0.2, 1), (0.25, 2), (0.5, 3), (0.7, 4), (1.0, 6)])
def test_narration_is_hidden_for_exactly_the_share(clips: list[Clip], share: float, hidden: int) -> None:
    drawn = []
    for seed in (1, 1, 2):
        batch = make_batch(hidden_share=share, seed=seed)
        launch._make_first_hits(batch)
        drawn.append(set(batch.hits.filter(narration_hidden=True).values_list("clip", flat=True)))
    assert [len(clips) for clips in drawn] == [hidden] * 3
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5])
def test_as_many_workers_are_asked_as_were_ordered(clip: Clip, crowd: Site, workers: int) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=workers))
    (hit,) = [hit for hit in every_hit() if hit["HITTypeId"] == batch.hit_type_id]
    assert hit["MaxAssignments"] == hit["NumberOfAssignmentsAvailable"] == workers
    assert ledger.totals(batch)["held"] == workers * Decimal("0.14")


def test_one_worker_does_as_many_units_a_day_as_a_batch_allows(
    clips: list[Clip], client: Client, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch(per_worker_day=2))
    for _ in range(2):
        annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    page = annotators[0].accept(batch.hit_type_id)
    assert page.frame is not None
    address = page.frame.replace("http://localhost:8000", "")
    refused = client.get(address)
    assert refused.status_code == 403
    assert "2 units of this batch in one day" in refused.content.decode()
    assert annotators[0].submit(page, answer=json.dumps(GOOD)).status == 200
    reconcile.follow("local")
    evidence = Assignment.objects.order_by("pk").values_list("evidence", flat=True)
    assert ["in one day" in " ".join(lines) for lines in evidence] == [False, False, True]
    Assignment.objects.update(submitted_at=timezone.now() - timedelta(days=1))
    assert client.get(address).status_code == 200


def test_what_our_page_received_counts_before_the_marketplace_has_it(clips: list[Clip], crowd: Site) -> None:
    batch = launch_batch(make_batch(per_worker_day=1))
    first, second = batch.hits.order_by("pk")[:2]
    Receipt.objects.create(hit=first, assignment_id="3A", worker_id="AW", payload={}, sha256="0")
    assert over_cap(second, "AW", timezone.now())
    assert not over_cap(first, "AW", timezone.now()), "the same unit again is no further one"
    assert not over_cap(second, "AW", timezone.now() + timedelta(days=1))
    assert not over_cap(second, "AX", timezone.now())


def sit(worker: WorkerBrowser, type_id: str, *choices: str) -> Page:
    """Ask for the test and answer it by the texts of its choices."""
    page = worker.get("/worker/qualifications/")
    form = next(form for form in page.forms if form["action"] == "request-qualification" and type_id in form["url"])
    page = worker.post(form["url"], form["fields"])
    answers = dict(form["fields"])
    for found in re.finditer(r'<input type="radio" name="([^"]+)" value="([^"]+)"[^>]*> ([^<]+)<', page.text):
        if found[3] in choices:
            answers[found[1]] = found[2]
    return worker.post(str(page.response.url), answers)


def test_an_entry_test_lets_those_in_who_pass_it(
    clip: Clip, requester: Client, annotators: list[WorkerBrowser]
) -> None:
    form = {"name": f"moments {clip.pk}-{timezone.now():%f}", "questions": QUESTIONS, "pass_mark": 100, "minutes": 5}
    bad = requester.post("/entry-tests/", {**form, "questions": "Which?\n- one\n- two"}).content.decode()
    assert "one line that begins with +" in bad
    requester.post("/entry-tests/", form)
    test = EntryTest.objects.get()
    batch = launch_batch(make_batch(entry_test=test))
    test.refresh_from_db()
    again = launch_batch(make_batch(entry_test=test))
    test.refresh_from_db()
    type_id = test.type_ids["local"]
    right = ("A man in a red coat pours tea into two cups", "Something happens in it")
    sit(annotators[0], type_id, *right)
    sit(annotators[3], type_id, right[0], "Nobody speaks")
    scores = [
        Crowd("local").client.get_qualification_score(QualificationTypeId=type_id, WorkerId=worker.id)["Qualification"][
            "IntegerValue"
        ]
        for worker in (annotators[0], annotators[3])
    ]
    assert scores == [100, 50]
    for order in (batch, again):
        assert annotators[0].accept(order.hit_type_id).frame is not None
        assert annotators[3].accept(order.hit_type_id).frame is None


def test_own_qualifications_rates_and_countries_are_asked_for(
    clip: Clip, requester: Client, annotators: list[WorkerBrowser]
) -> None:
    made = Crowd("local").client.create_qualification_type(
        Name=f"Careful {timezone.now():%f}", Description="d", QualificationTypeStatus="Active"
    )
    type_id = made["QualificationType"]["QualificationTypeId"]
    order = {
        "name": "for the careful", "kind": "segment", "environment": "local", "reward": "0.12",
        "assignments_per_hit": 2, "hidden_share": 0, "gold_share": 0, "seed": 0, "budget": "5", "approval_rate": 60,
        "countries": "US; GB", "qualifications": f"{type_id} >= 5",
    }  # fmt: skip
    assert "two capital letters" in requester.post("/batches/new/", {**order, "countries": "uk"}).content.decode()
    assert "line 1: expected" in requester.post("/batches/new/", {**order, "qualifications": "x"}).content.decode()
    requester.post("/batches/new/", order)
    batch = launch_batch(Batch.objects.get())
    assert batch.countries == "US, GB"
    page = requester.get(f"/batches/{batch.pk}/").content.decode()
    assert f"{type_id} &gt;= 5" in page
    hit = Hit.objects.get()
    asked = Crowd("local").client.get_hit(HITId=hit.hit_id)["HIT"]["QualificationRequirements"]
    assert [(row["Comparator"], row.get("IntegerValues"), row.get("LocaleValues")) for row in asked] == [
        ("EqualTo", [1], None),
        ("GreaterThanOrEqualTo", [60], None),
        ("In", None, [{"Country": "US"}, {"Country": "GB"}]),
        ("GreaterThanOrEqualTo", [5], None),
    ]


def test_a_country_that_is_none_stops_the_launch_with_the_marketplaces_words(clip: Clip, crowd: Site) -> None:
    batch = make_batch(countries="UK")
    launch.request_launch(batch.pk)
    with pytest.raises(Exception, match="GB"):
        tasks.launch_batch.run(batch_id=batch.pk)
    batch.refresh_from_db()
    assert "GB" in batch.error
    assert steering.request_close(batch.pk) is None
    assert steering.close(batch.pk)
    assert ledger.totals(batch)["held"] == 0


@pytest.mark.parametrize(
    ("line", "comparator", "values"),
    [("3A = 1", "EqualTo", [1]), ("3A!=1", "NotEqualTo", [1]), ("3A >= -5", "GreaterThanOrEqualTo", [-5]),
     ("3A>2", "GreaterThan", [2]), ("3A <= 2", "LessThanOrEqualTo", [2]), ("3A < 2", "LessThan", [2]),
     ("3A exists", "Exists", None), (" 3A missing ", "DoesNotExist", None)],
)  # fmt: skip
def test_lines_of_qualifications(line: str, comparator: str, values: list[int] | None) -> None:
    (found,) = own_qualifications(f"\n{line}\n")
    assert (found["QualificationTypeId"], found["Comparator"], found.get("IntegerValues")) == ("3A", comparator, values)


@pytest.mark.parametrize("text", ["3a = 1", "3A", "3A = x", "3A >= 1.5", "exists", "\n".join(["3A = 1"] * 7)])
def test_what_is_no_qualification_says_so(text: str) -> None:
    with pytest.raises(RequirementError, match=r"line 1|at most 6"):
        own_qualifications(text)


def test_countries_are_listed_once_each() -> None:
    assert country_codes("US, GB US") == ["US", "GB"]
    assert country_codes("") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "question 1"), ("Q\n+ a", "question 1"), ("Q\n+ a\n+ b\n- c", "question 1"), ("+ a\n- b", "question 1"),
     (f"{QUESTIONS}\n\nQ\n+ a\n- A", "question 3: two"), ("Q\n+ a\n-", "question 1"),
     ("Q\n+ a\n- b\n\n" * 900, "long")],
)  # fmt: skip
def test_what_is_no_test_says_why(text: str, why: str) -> None:
    with pytest.raises(EntryTestError, match=why):
        parse(text)
