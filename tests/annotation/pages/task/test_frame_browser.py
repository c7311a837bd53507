"""What else stands in the frame: errors, another tab, what was received or refused. All of it fits, accessibly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from annotation.models import Assignment, Hit, Worker
from annotation.models.crowd import Kind
from tests.annotation.pages.desk import DESK, PHONE, SENTENCE, Desk, saved, write
from tests.annotation.pages.task.test_task_page import frame_url, parameters
from tests.browsing import assert_fit

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
STRAIGHT = "HTMLFormElement.prototype.submit.call(document.querySelector('form[data-role=task-form]'))"


def submitted(desk: Desk, hit: Hit, viewport: dict[str, int]) -> Page:
    """A page whose answer was received here, and that stays."""
    desk.context.route("**/submit.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page = desk.open(hit, viewport)
    write(page)
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Your answer is stored").wait_for()
    return page


def with_errors(desk: Desk, hit: Hit, viewport: dict[str, int]) -> Page:
    page = desk.open(hit, viewport)
    with page.expect_navigation():
        page.evaluate(STRAIGHT)  # past the checks of the page
    return page


def in_two_tabs(desk: Desk, hit: Hit, viewport: dict[str, int]) -> Page:
    first, second = desk.open(hit, viewport), desk.open(hit, viewport)
    write(first, "theirs")
    saved(first)
    write(second, "mine")
    return second


def answered_twice(desk: Desk, hit: Hit, viewport: dict[str, int]) -> Page:
    second = desk.open(hit, viewport)
    submitted(desk, hit, viewport)
    write(second, SENTENCE + " there")
    second.get_by_role("button", name="Send it all the same").click()
    return second


def arrived(desk: Desk, hit: Hit, viewport: dict[str, int]) -> Page:
    page = submitted(desk, hit, viewport)
    worker = Worker.objects.create(environment="local", worker_id="AW1", group=Kind.QUERY)
    Assignment.objects.create(hit=hit, worker=worker, assignment_id="ASG1", answer="", submitted_at=datetime.now(UTC))
    page.goto(desk.server + frame_url(hit) + "?" + urlencode(parameters()))
    return page


def refused(desk: Desk, hit: Hit, viewport: dict[str, int]) -> Page:
    Worker.objects.create(environment="local", worker_id="AW1", blocked=True)
    page = desk.context.new_page()
    page.set_viewport_size(viewport)  # type: ignore[arg-type]
    page.goto(desk.server + frame_url(hit) + "?" + urlencode(parameters()))
    return page


PAGES: dict[str, Callable[[Desk, Hit, dict[str, int]], Page]] = {
    "Please look again": with_errors,
    "Another tab of this task": in_two_tabs,
    "Your answer is stored": submitted,
    "Another answer was received before": answered_twice,
    "Your answer has arrived": arrived,
    "Not possible": refused,
}


@pytest.mark.parametrize("said", PAGES)
@pytest.mark.parametrize("viewport", [pytest.param(DESK, marks=pytest.mark.slow), PHONE], ids=["desk", "phone"])
def test_every_page_of_the_frame_fits_and_is_accessible(
    said: str, viewport: dict[str, int], desk: Desk, make_task: Callable[[Kind], Hit]
) -> None:
    page = PAGES[said](desk, make_task(Kind.QUERY), viewport)
    page.get_by_text(said).first.wait_for()
    assert_fit(page)


@pytest.mark.parametrize("kind", [Kind.SEGMENT, Kind.QA])
def test_a_task_is_read_in_the_dark(kind: Kind, desk: Desk, make_task: Callable[[Kind], Hit]) -> None:
    """A timeline to draw on, and texts with errors, where the browser asks for dark pages."""
    hit = make_task(kind)
    page = desk.open(hit, PHONE) if kind == Kind.SEGMENT else with_errors(desk, hit, PHONE)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")[:3]
    assert max(red, green, blue) < 64
    assert_fit(page)
