"""The requester's pages in Chromium: fit for a phone and a desk, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from adversarial.audit.live_guess import LONGEST
from annotation.crowd.workers import bonuses
from annotation.models import Assignment, Batch, BlindCheck, Clip, EntryTest, Hit, Receipt, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review import ledger
from tests.annotation.crowd.orders import make_batch
from tests.annotation.review.test_blind_check import EASY
from tests.annotation.review.test_quality_flags import store
from tests.browsing import Visit, assert_fit, visits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Visit]:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    with visits(browser, live_server.url, client) as visit:
        yield visit


def test_the_form_says_what_the_reward_is_an_hour(visit: Visit, make_hit: Callable[..., Hit], segment: Segment) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    made_up = (1.0, 1.0, 1.0, 1.0)  # received and never sent on: anybody may say anything
    for number, seconds in enumerate((30.0, 40.0, 80.0, *made_up)):
        text = {"query": f"a red ball, {number} times"}
        worker = Worker.objects.create(environment="local", worker_id=f"W{number}", group=Kind.QUERY)
        name = "MADE" if seconds in made_up else store(hit, worker, text).assignment_id
        Receipt.objects.create(
            hit=hit, assignment_id=name, worker_id=worker.worker_id, payload=text, sha256=f"{number}" * 64,
            conduct={"seconds": seconds},
        )  # fmt: skip
    page = visit("/batches/new/", "desk", "light")
    page.get_by_label("Kind").select_option("query")
    page.get_by_label("Reward").fill("0.20")
    told, below = page.locator("#wage"), page.locator("#id_budget")
    assert told.inner_text() == "Half of the last answers of this kind took at most 40 s: $18.00 an hour."
    where = below.bounding_box()
    page.get_by_label("Kind").select_option("qa")
    assert "No answer of this kind has come yet" in told.inner_text()
    assert below.bounding_box() == where
    told.evaluate("line => { line.textContent = '' }")  # as before the script has run
    assert below.bounding_box() == where, "its place is kept"
    served = page.request.get(page.url).text()
    assert served.index('id="id_reward"') < served.index('id="wage"') < served.index('id="id_assignments_per_hit"')


@pytest.mark.slow
def test_the_requesters_pages_are_fit_for_a_phone_and_for_everybody(
    visit: Visit, make_hit: Callable[..., Hit], film: Clip, segment: Segment, settings: Any
) -> None:
    settings.BLIND_IN_THE_LOOP = True
    hit = make_hit(Kind.QUERY, segment=segment)
    ledger.hold([hit])
    for number in range(3):
        worker = Worker.objects.create(environment="local", worker_id=f"AWORKER{number}", group=Kind.QUERY)
        store(hit, worker, {"query": f"A red ball rolls slowly over the floor, {number} times"})
    Assignment.objects.update(state=Assignment.State.APPROVED, used=True)
    paid = Assignment.objects.earliest("pk")
    bonuses.promise(paid.pk, Decimal("0.50"), "for a careful description")
    EntryTest.objects.create(name="What is a moment", questions="Which?\n+ this\n- that")
    asked = make_hit(Kind.QA, segment=segment)
    Batch.objects.filter(pk=asked.batch_id).update(blind_bonus="0.10")
    question = store(asked, Worker.objects.create(environment="local", worker_id="AQ", group=Kind.QA), EASY)
    BlindCheck.objects.create(assignment=question, state=BlindCheck.State.GUESSED, chance=0.9, why=LONGEST)
    Batch.objects.update(state=Batch.State.OPEN)
    draft = make_batch(Kind.QA, blind_bonus="0.10")
    paths = [
        *("/batches/", "/batches/new/", hit.batch.get_absolute_url(), "/entry-tests/", "/workers/"),
        *("/money/", "/money/?by=worker", "/money/?by=month", paid.worker.get_absolute_url()),
        *(f"/batches/{hit.batch_id}/review/", f"/batches/{asked.batch_id}/review/", asked.batch.get_absolute_url()),
        *(draft.get_absolute_url(), f"/batches/{draft.pk}/edit/", f"/batches/new/?like={draft.pk}"),
    ]
    for path in paths:
        for size, scheme in (("phone", "light"), ("phone", "dark"), ("desk", "light")):
            page = visit(path, size, scheme)
            assert_fit(page)
    page.get_by_label("Kind").select_option("query")
    page.get_by_role("button", name="Save draft").click()
    page.get_by_text("Only questions can be guessed").wait_for()
    assert_fit(page)
