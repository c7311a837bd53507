"""Review: what one page costs, what its verdicts do and can take back, a thousand answers by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from annotation import tasks
from annotation.crowd.client import AUTO_APPROVAL
from annotation.models import Assignment, Clip, Hit, Query, Receipt, Segment, Worker
from annotation.models.crowd import MARKING, Kind
from annotation.review.verdicts import UNDO_FOR
from tests.annotation.pages.desk import at, until
from tests.annotation.review.test_human_accuracy import ask
from tests.leaderboard.conftest import REPOSITORY

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AXE = REPOSITORY / "node_modules/axe-core/axe.min.js"
MOST_QUERIES = 20
TEXT = "a red ball rolls slowly over the green floor"


@pytest.fixture
def reviewer(db: None) -> User:
    user = User.objects.create_user("rev")
    user.groups.add(Group.objects.get_or_create(name="Reviewers")[0])
    User.objects.filter(pk=user.pk).update(is_staff=True)  # other tests may have emptied the group
    return User.objects.get(pk=user.pk)


@pytest.fixture
def desk(reviewer: User) -> Client:
    client = Client()
    client.force_login(reviewer)
    return client


def give(hit: Hit, payload: dict[str, Any] | None, evidence: list[str] | None = None) -> Assignment:
    number = Assignment.objects.count()
    worker = Worker.objects.create(environment="local", worker_id=f"AW{number}", group=hit.batch.kind)
    return Assignment.objects.create(
        hit=hit, worker=worker, assignment_id=f"A{number}", answer="", payload=payload, submitted_at=NOW,
        evidence=evidence or [],
    )  # fmt: skip


def press(desk: Client, hit: Hit, what: str, **fields: Any) -> str:
    """Send a form of the review page; what the page that follows says."""
    return desk.post(f"/batches/{hit.batch_id}/review/{what}/", fields, follow=True).content.decode()


def decide(desk: Client, row: Assignment, verdict: str, **fields: str) -> None:
    desk.post(f"/assignments/{row.pk}/decide/", {"verdict": verdict, **fields})
    row.refresh_from_db()


@pytest.mark.django_db
def test_what_the_marketplace_paid_by_itself_is_used_or_left_out(desk: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": 5.0, "end": 12.0}), give(hit, {"start": 20.0, "end": 30.0})]
    Assignment.objects.update(state=Assignment.State.APPROVED)
    page = desk.get(f"/batches/{hit.batch_id}/review/").content.decode()
    assert "2 answers waiting" in page
    assert "Paid by the marketplace itself" in page
    assert 'value="reject"' not in page
    decide(desk, rows[0], "reject", feedback="no")
    assert rows[0].reviewed_at is None
    for row, verdict in zip(rows, ("use", "pay"), strict=True):
        decide(desk, row, verdict)
    assert [(row.state, row.used) for row in rows] == [
        (Assignment.State.APPROVED, True), (Assignment.State.APPROVED, False)
    ]  # fmt: skip
    assert "Nothing waits" in desk.get(f"/batches/{hit.batch_id}/review/").content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", list(Kind))
def test_a_page_asks_the_database_the_same_however_much_lies_there(
    kind: Kind, desk: Client, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(kind, segment=None if kind in MARKING else segment)
    if kind == Kind.VALIDATE:
        Hit.objects.filter(pk=hit.pk).update(question=ask(segment))
    payloads: dict[str, dict[str, Any]] = {
        Kind.SEGMENT: {"start": 5.0, "end": 12.0},
        Kind.QUERY: {"query": TEXT, "based_on": "v"},
        Kind.COMBINED: {"start": 5.0, "end": 12.0, "query": TEXT, "based_on": "v"},
        Kind.VALIDATE: {"choice": 0, "also": -1},
        Kind.QA: {"question": "What?", "correct": "a", "wrong_1": "b", "wrong_2": "c", "wrong_3": "d"},
    }
    counts = []
    for _ in range(2):
        for _ in range(15):
            give(hit, payloads[kind], ["it is odd"])
        with CaptureQueriesContext(
            connection,
        ) as asked:
            page = desk.get(f"/batches/{hit.batch_id}/review/")
        assert page.status_code == 200
        assert "it is odd" in page.content.decode()
        counts.append(len(asked))
    assert counts[0] == counts[1] <= MOST_QUERIES


@pytest.mark.django_db
def test_a_page_shows_conduct_neighbours_and_what_another_tab_sent(
    desk: Client, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    row, other = give(hit, {"start": 5.0, "end": 12.0}), give(hit, {"start": 6.5, "end": 13.5})
    conduct = {"played": [[0, 6], [3, 9]], "seconds": 41, "pasted": 0}
    for start, made in ((5.0, conduct), (1.0, None)):
        Receipt.objects.create(
            hit=hit, assignment_id=row.assignment_id, worker_id=row.worker.worker_id, sha256=str(start),
            payload={"start": start, "end": 12.0}, conduct=made,
        )  # fmt: skip
    page = " ".join(desk.get(f"/batches/{hit.batch_id}/review/").content.decode().split())
    assert "Played 30 %, 41 s on the task" in page
    assert 'data-start="6.5" data-end="13.5"' in page
    assert "Also sent, from another tab: Start (seconds) 1.0, End (seconds) 12.0" in page
    assert str(other.worker) in page


@pytest.mark.django_db
def test_a_verdict_of_the_page_can_be_taken_back_and_is_told_later(
    desk: Client, clip: Clip, segment: Segment, make_hit: Callable[..., Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = give(make_hit(Kind.QUERY, segment=segment), {"query": TEXT, "based_on": "v"})
    told: list[int] = []
    monkeypatch.setattr(tasks.push_decisions, "delay", lambda assignment_ids: told.extend(assignment_ids))
    monkeypatch.setattr(tasks.admit_workers, "delay", lambda **_: None)
    decide(desk, row, "use")
    assert row.state == Assignment.State.APPROVING
    assert row.tell_at is not None
    assert timedelta(0) <= timezone.now() + UNDO_FOR - row.tell_at < timedelta(seconds=30)
    assert Query.objects.count() == 1
    tasks.sweep()
    assert told == []
    assert "Taken back: 1 waits again" in press(desk, row.hit, "undo")
    row.refresh_from_db()
    assert (row.state, row.used, row.reviewed_by, row.tell_at) == (Assignment.State.SUBMITTED, False, None, None)
    assert not Query.objects.exists()
    decide(desk, row, "reject", reason="It does not describe this moment.")
    assert (row.state, row.feedback) == (Assignment.State.REJECTING, "It does not describe this moment.")
    Assignment.objects.update(tell_at=timezone.now() - timedelta(seconds=1))
    assert "Not taken back" in press(desk, row.hit, "undo")
    tasks.sweep()
    assert told == [row.pk]


@pytest.mark.django_db
def test_a_further_vote_is_taken_back_and_what_others_rest_on_stays(
    desk: Client, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    first, second = give(hit, {"start": 5.0, "end": 12.0}), give(hit, {"start": 5.1, "end": 12.0})
    decide(desk, first, "use")
    decide(desk, second, "use")
    assert Segment.objects.get().votes == 2
    press(desk, hit, "undo")
    assert Segment.objects.get().votes == 1
    second.refresh_from_db()
    assert second.state == Assignment.State.SUBMITTED
    make_hit(Kind.QUERY, segment=Segment.objects.get())
    assert "other answers or tasks rest on this one" in press(desk, hit, "undo")
    first.refresh_from_db()
    assert first.state == Assignment.State.APPROVING
    assert Segment.objects.count() == 1


@pytest.mark.django_db
def test_a_verdict_that_stays_does_not_keep_those_before_it(
    desk: Client, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": start, "end": start + 7}) for start in (2.0, 15.0, 30.0)]
    for row in rows:
        decide(desk, row, "use")
    make_hit(Kind.QUERY, segment=Segment.objects.get(start=30))
    assert "Z takes back what you said before it" in press(desk, hit, "undo")
    page = desk.get(f"/batches/{hit.batch_id}/review/?before={rows[2].pk}").content.decode()
    assert "Undo the one before" in page
    assert f'name="before" value="{rows[2].pk}"' in page
    assert "Taken back: 1 waits again" in press(desk, hit, "undo", before=rows[2].pk)
    states = list(Assignment.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["approving", "submitted", "approving"]
    assert "no verdict of yours" in press(desk, hit, "undo", before=rows[0].pk)


@pytest.mark.django_db
def test_of_those_decided_together_one_that_stays_keeps_no_other(
    desk: Client, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": start, "end": start + 7}) for start in (2.0, 15.0, 30.0)]
    press(desk, hit, "clean", up_to=rows[-1].pk)
    make_hit(Kind.QUERY, segment=Segment.objects.get(start=15))
    said = press(desk, hit, "undo")
    assert "Taken back: 2 wait again" in said
    assert "1 of those that you decided together stay, the first because other answers or tasks rest" in said
    assert list(Segment.objects.values_list("start", flat=True)) == [15]
    states = list(Assignment.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["submitted", "approving", "submitted"]


@pytest.mark.django_db
def test_what_was_decided_last_is_taken_back_first_whatever_the_clock_of_the_marketplace(
    desk: Client, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": start, "end": start + 7}) for start in (2.0, 15.0, 30.0)]
    soon = timezone.now() - AUTO_APPROVAL + timedelta(minutes=5)  # both came at one moment and are paid at one
    Assignment.objects.filter(pk__in=[rows[1].pk, rows[2].pk]).update(submitted_at=soon)
    for row in rows:
        decide(desk, row, "pay")
    for last in reversed(rows):
        assert "Taken back: 1 waits again" in press(desk, hit, "undo")
        last.refresh_from_db()
        assert last.state == Assignment.State.SUBMITTED


@pytest.mark.django_db
def test_what_the_marketplace_paid_by_itself_can_be_decided_anew(
    desk: Client, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": start, "end": start + 7}) for start in (2.0, 15.0)]
    Assignment.objects.update(state=Assignment.State.APPROVED)
    press(desk, hit, "clean", up_to=rows[-1].pk)
    assert Segment.objects.count() == 2
    assert "Taken back: 2 wait again" in press(desk, hit, "undo")
    assert not Segment.objects.exists()
    assert set(Assignment.objects.values_list("state", "used", "reviewed_at")) == {("approved", False, None)}
    Assignment.objects.update(reviewed_at=timezone.now(), tell_at=timezone.now())
    assert "no verdict of yours" in press(desk, hit, "undo")


@pytest.mark.django_db
def test_a_bonus_is_given_from_the_answer_by_those_who_pay(
    desk: Client, reviewer: User, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": 2.0, "end": 9.0}) for _ in range(2)]
    row, order = rows[0], {"amount": "0.50", "reason": "the best of the day"}
    address = f"/batches/{row.hit.batch_id}/review/"
    only_reviews = User.objects.create_user("only")
    only_reviews.user_permissions.add(Permission.objects.get(codename="review"))
    other = Client()
    other.force_login(only_reviews)
    assert "Reject…" in other.get(address).content.decode()
    assert "Bonus…" not in other.get(address).content.decode()
    assert other.post(f"/assignments/{row.pk}/bonus/", order).status_code == 403
    assert "Bonus…" in desk.get(address).content.decode()
    answer = desk.post(f"/assignments/{row.pk}/bonus/", order, follow=True)
    assert answer.context["assignment"] == row
    assert "$0.50 on its way" in answer.content.decode()
    assert "Bonus of $0.50, on its way: “the best of the day”" in answer.content.decode()
    for wrong, told in (
        ({"amount": "-1"}, "amount"),
        ({"reason": ""}, "reason"),
        ({"amount": "99999", "reason": "more"}, "budget"),
    ):
        assert told in desk.post(f"/assignments/{row.pk}/bonus/", order | wrong, follow=True).content.decode()
    (bonus,) = row.bonuses.all()
    assert (bonus.amount, bonus.created_by) == (Decimal("0.50"), reviewer)


@pytest.mark.django_db
def test_clean_answers_are_used_together_and_taken_back_together(
    desk: Client, clip: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    texts = [TEXT.replace("red", colour) for colour in ("red", "blue", "white")]
    clean = [give(hit, {"query": text, "based_on": "v"}) for text in texts]
    odd, invalid = give(hit, {"query": TEXT, "based_on": "v"}, ["odd"]), give(hit, None)
    broken = give(hit, {"broken": "does not play"}, ["says that the clip is broken: does not play"])
    assert "Use all 3 without evidence" in desk.get(f"/batches/{hit.batch_id}/review/").content.decode()
    late = give(hit, {"query": TEXT.replace("red", "late"), "based_on": "v"})
    assert "3 answers used" in press(desk, hit, "clean", up_to=clean[-1].pk)
    states = {row.pk: row.state for row in Assignment.objects.all()}
    assert [states[row.pk] for row in clean] == [Assignment.State.APPROVING] * 3
    assert {states[row.pk] for row in (odd, invalid, broken, late)} == {Assignment.State.SUBMITTED}
    assert "Taken back: 3 wait again" in press(desk, hit, "undo")
    assert set(Assignment.objects.values_list("state", flat=True)) == {Assignment.State.SUBMITTED}


@pytest.mark.django_db
def test_there_is_no_bulk_of_a_batch_that_is_not_there(desk: Client) -> None:
    assert desk.post("/batches/4711/review/clean/", {"up_to": "1"}).status_code == 404


@pytest.mark.django_db
def test_one_more_worker_is_offered_while_somebody_could_accept(
    desk: Client, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    give(hit, {"start": 5.0, "end": 12.0})
    for ends_at, offered in ((timezone.now() + timedelta(days=1), True), (timezone.now() - timedelta(days=1), False)):
        Hit.objects.update(ends_at=ends_at)
        assert ("Pay, ask again" in desk.get(f"/batches/{hit.batch_id}/review/").content.decode()) == offered


@pytest.mark.django_db
def test_the_page_tells_when_an_answer_is_paid_by_itself_and_what_was_said_of_it(
    desk: Client, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    row = give(make_hit(Kind.SEGMENT), {"start": 5.0, "end": 12.0})
    Assignment.objects.update(submitted_at=timezone.now() - timedelta(days=1, minutes=-1))
    page = desk.get(f"/batches/{row.hit.batch_id}/review/").content.decode().replace("\xa0", " ")
    assert "paid by itself in 6 days" in page
    assert "Pay, ask again" in page
    decide(desk, row, "again")
    press(desk, row.hit, "undo")
    Assignment.objects.update(submitted_at=NOW, proposed_by=User.objects.create_user("other"), feedback="odd")
    Hit.objects.update(wanted=9)
    page = " ".join(desk.get(f"/batches/{row.hit.batch_id}/review/").content.decode().split())
    assert "being paid by itself" in page
    assert "rev: paid, left out, asked again</li>" in page
    assert "rev: taken back</li>" in page
    assert "other proposes to reject it: “odd”. Much of this batch is rejected, so your rejection counts." in page
    assert "Pay, ask again" not in page


@pytest.mark.django_db
def test_a_long_queue_is_counted_up_to_a_limit(
    desk: Client, clip: Clip, make_hit: Callable[..., Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": float(n), "end": n + 9.0}) for n in range(4)]
    monkeypatch.setattr("annotation.review.verdicts.COUNTED", 4)
    monkeypatch.setattr("annotation.review.verdicts.BULK", 3)
    page = desk.get(f"/batches/{hit.batch_id}/review/").content.decode()
    assert "<p>4 answers waiting" in page
    assert "Use the next 3 without evidence" in page
    assert f'name="up_to" value="{rows[2].pk}"' in page
    monkeypatch.setattr("annotation.review.verdicts.COUNTED", 3)
    assert "<p>more than 3 answers waiting" in desk.get(f"/batches/{hit.batch_id}/review/").content.decode()
    assert ">4</a>" in desk.get("/batches/").content.decode()


@pytest.mark.django_db
def test_what_is_left_for_later_stays_for_later(desk: Client, clip: Clip, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": float(n), "end": n + 9.0}) for n in range(3)]
    answer = desk.post(f"/assignments/{rows[1].pk}/decide/", {"verdict": "pay", "after": rows[1].pk}, follow=True)
    assert answer.context["assignment"] == rows[2]
    answer = desk.post(f"/assignments/{rows[2].pk}/decide/", {"verdict": "pay", "after": rows[2].pk}, follow=True)
    assert "Go through the 1 that you left for later" in answer.content.decode()


@pytest.mark.django_db
def test_nobody_takes_back_what_another_reviewer_said(
    desk: Client, reviewer: User, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    row = give(make_hit(Kind.SEGMENT), {"start": 5.0, "end": 12.0})
    decide(desk, row, "pay")
    other = Client()
    other.force_login(User.objects.create_user("other", is_staff=True))
    assert "Not taken back" in press(other, row.hit, "undo")
    row.refresh_from_db()
    assert row.state == Assignment.State.APPROVING


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, desk: Client) -> Iterator[Page]:
    """The browser of the reviewer who is at ``desk``, on a screen on which no part of the page is to be cut off."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    cookie = {"name": "bench_session", "value": desk.cookies["bench_session"].value, "url": live_server.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    yield context.new_page()
    context.close()


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_ten_answers_are_reviewed_by_keyboard_with_at_most_25_inputs(
    page: Page, live_server: LiveServer, desk: Client, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    again = Hit.objects.create(batch=hit.batch, clip=hit.clip, attempt=2, request_token="again", wanted=9)
    # Of another unit, since a rejection has the evidence of its own unit's answers found anew.
    rows = [
        give(again if n % 2 else hit, {"start": float(n), "end": n + 9.0}, ["odd"] if n % 2 else []) for n in range(10)
    ]
    errors, inputs = [], 0
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{live_server.url}/batches/{hit.batch_id}/review/")
    for name in ("video", "[data-role=strip]", "[data-key=u]", "[data-key=p]", "[data-key=r]", ".evidence"):
        box = page.locator(name).first.bounding_box()
        assert box, name
        assert box["y"] + box["height"] <= 800, name
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run().then(result => result.violations)")
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    assert page.locator(".neighbour").count() == 9
    assert page.locator("video").get_attribute("poster")
    assert page.evaluate("player.video.muted")
    at(page, 8.5)  # what is shown is the moment from 0 to 9 s, which goes round by itself
    until(page, "player.now() < 5 && !player.video.paused")

    def press_keys(keys: str, left: int) -> None:
        nonlocal inputs
        for key in keys.split():
            page.keyboard.press(key)
            inputs += 1
        page.get_by_text(f"{left} answer{'s' if left != 1 else ''} waiting").wait_for()

    press_keys("r 2 Enter", 9)
    press_keys("z", 10)
    press_keys("u", 9)
    press_keys("p", 8)
    press_keys("r 2 Enter", 7)
    press_keys("b", 4)
    for left in (3, 2, 1, 0):
        press_keys("p", left)
    page.get_by_text("Nothing waits.").wait_for()
    assert inputs <= 2.5 * len(rows)
    states = list(Assignment.objects.order_by("pk").values_list("state", flat=True))
    assert states.count("rejecting") == 1
    assert states[2] == "rejecting"
    assert Assignment.objects.get(pk=rows[2].pk).feedback == "It does not describe this moment."
    assert errors == []


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_keys_that_were_turned_off_are_off_and_enter_in_a_reason_rejects(
    page: Page, live_server: LiveServer, desk: Client, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    rows = [give(hit, {"start": float(n), "end": n + 9.0}) for n in range(3)]
    desk.post(f"/assignments/{rows[0].pk}/decide/", {"verdict": "pay"})
    before = list(Assignment.objects.order_by("pk").values_list("state", flat=True))
    page.goto(f"{live_server.url}/batches/{hit.batch_id}/review/")
    page.get_by_text("Keys", exact=True).click()
    page.get_by_label("Keys are on").uncheck()
    page.locator("h1").first.click()
    for key in ("b", "z", "u", "p", "r"):
        page.keyboard.press(key)
    page.locator("[data-key=r]").click()
    page.locator("[name=reason]").first.check()
    page.keyboard.press("Enter")
    page.wait_for_timeout(1000)
    assert list(Assignment.objects.order_by("pk").values_list("state", flat=True)) == before
    page.locator("[name=feedback]").fill("Nothing of it was watched.")
    page.keyboard.press("Enter")
    page.get_by_text("1 answer waiting").wait_for()
    assert not page.locator("[data-role=keys-on]").is_checked(), "for the next answer, too"
    rows[1].refresh_from_db()
    assert (rows[1].state, rows[1].feedback) == (Assignment.State.REJECTING, "Nothing of it was watched.")
