"""Every kind of task in the marketplace's own frame, in Chromium: by keyboard on a desk, by touch on a phone.

What the form showed when it was sent is what the platform has collected.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.e2e.conftest import Demo

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]  # the first test waits for the demo
GROUPS = {"segment": "segment", "query": "query", "combined": "query", "qa": "qa", "validate": "segment"}
TEXTS = {
    "query": "a small red ball rolls slowly over the wide green floor",
    "question": "What rolls over the floor?",
    "correct": "a red ball",
    "wrong_1": "a blue box",
    "wrong_2": "a big cat",
    "wrong_3": "a toy car",
}
MARKED = {"segment", "combined"}
WRITTEN = {"query": ("query",), "combined": ("query",), "qa": tuple(TEXTS)[1:]}
CHOSEN = {"query": "based_on", "combined": "based_on", "validate": "choice"}
FIELDS = """form => Object.fromEntries(
    [...new FormData(form)].filter(([name]) => name !== "token" && name !== "conduct"))"""
LAUNCH = """
import json
from annotation.crowd import launch
from annotation.models import Batch
for kind in json.loads(%r):
    for size in ("desk", "phone"):
        values = {"reward": "0.10", "budget": "9.00", "assignments_per_hit": 1, "sample": 1}
        batch = Batch.objects.create(name=f"in the frame: {kind}, {size}", kind=kind, **values)
        launch.request_launch(batch.pk)
"""
LAUNCHED = """
import json
from annotation.models import Batch
rows = Batch.objects.filter(name__startswith="in the frame", state="open").exclude(hit_type_id="")
print(json.dumps({row.name: row.hit_type_id for row in rows}))
"""
COLLECTED = """
import json
from annotation.models import Assignment
rows = Assignment.objects.filter(hit__batch__name__startswith="in the frame").select_related("hit__batch")
print(json.dumps({row.hit.batch.name: row.payload for row in rows}))
"""


def asked(demo: Demo, code: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(demo.manage("shell", "-v", "0", "-c", code).splitlines()[-1])
    return found


def until(demo: Demo, code: str, enough: int) -> dict[str, Any]:
    """What the code prints, once it has so many entries: launching and collecting take the platform up to a minute."""
    deadline = time.monotonic() + 240
    while len(found := asked(demo, code)) < enough:
        assert time.monotonic() < deadline, found
        time.sleep(3)
    return found


@dataclass
class Hands:
    """How a person reaches what is in the frame."""

    page: Page
    touch: bool

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe[data-role=task]")

    def reach(self, selector: str) -> None:
        """Tab to it, or touch it."""
        if self.touch:
            return self.frame.locator(selector).first.tap()
        here = f"!!document.activeElement.closest({json.dumps(selector)})"
        for _ in range(80):
            self.page.keyboard.press("Tab")
            if self.frame.locator("body").evaluate(f"() => {here}"):
                return None
        raise AssertionError(f"no Tab leads to {selector}")

    def play(self, action: str, key: str, times: int = 1) -> None:
        for _ in range(times):
            if self.touch:
                self.frame.locator(f"[data-action={action}]").tap()
            else:
                self.page.keyboard.press(key)

    def mark(self) -> None:
        if not self.touch:
            self.reach("[data-action=forward]")
        for seconds, action, key in ((5, "in", "i"), (7, "out", "o")):
            self.play("forward", "ArrowRight", seconds)
            self.play(action, key)

    def write(self, *names: str) -> None:
        for name in names:
            self.reach(f"[name={name}]")
            self.page.keyboard.type(TEXTS[name])

    def choose(self, name: str) -> None:
        self.reach(f".choices label:has([name={name}])" if self.touch else f"[name={name}]")
        if not self.touch:
            self.page.keyboard.press("Space")

    def do(self, kind: str) -> None:
        if kind in MARKED:
            self.mark()
        self.write(*WRITTEN.get(kind, ()))
        if kind in CHOSEN:
            self.choose(CHOSEN[kind])

    def submit(self) -> None:
        self.reach(".send button")
        if not self.touch:
            self.page.keyboard.press("Enter")


def logged_in(browser: Browser, demo: Demo, size: str, sees: str) -> Page:
    """A page of the first annotator who is offered work of this type."""
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
    for number in range(1, 10):
        page = browser.new_context(**(phone if size == "phone" else {})).new_page()  # type: ignore[arg-type]
        page.goto(f"{demo.marketplace}/accounts/login/")
        page.get_by_label("Username").fill(f"worker-{number:02d}")
        page.get_by_label("Password").fill(demo.password_of(f"worker-{number:02d}"))
        page.locator("form button[type=submit]").last.click()
        page.goto(demo.marketplace)
        if page.locator(f"[data-hit-type='{sees}']").count():
            return page
        page.context.close()
    raise AssertionError(f"nobody is offered {sees}")


def play_is_ready(frame: FrameLocator) -> None:
    deadline = time.monotonic() + 20
    while not frame.locator("video").evaluate("video => video.readyState > 0"):
        assert time.monotonic() < deadline, "the film does not load"
        time.sleep(0.1)


def test_what_the_form_showed_is_what_was_collected(demo: Demo, browser: Browser) -> None:
    demo.manage("shell", "-v", "0", "-c", LAUNCH % json.dumps(list(GROUPS)))
    types = until(demo, LAUNCHED, 2 * len(GROUPS))
    pages: dict[tuple[str, str], Page] = {}
    sent: dict[str, dict[str, str]] = {}
    for size in ("desk", "phone"):
        for kind, group in GROUPS.items():
            name = f"in the frame: {kind}, {size}"
            if (group, size) not in pages:
                pages[group, size] = logged_in(browser, demo, size, types[name])
            page = pages[group, size]
            page.goto(demo.marketplace)
            page.locator(f"[data-hit-type='{types[name]}'] a[data-action=preview]").click()
            page.get_by_role("button", name="Accept and work").click()
            hands = Hands(page, touch=size == "phone")
            play_is_ready(hands.frame)
            hands.do(kind)
            sent[name] = hands.frame.locator("form[data-role=task-form]").evaluate(FIELDS)
            hands.submit()
            expect(hands.frame.get_by_role("heading", name="Thank you, your work was received")).to_be_visible()
    for page in pages.values():
        page.context.close()
    for kind in MARKED:
        assert [sent[f"in the frame: {kind}, {size}"]["start"] for size in ("desk", "phone")] == ["5.0", "5.0"]
        assert [sent[f"in the frame: {kind}, {size}"]["end"] for size in ("desk", "phone")] == ["12.0", "12.0"]
    collected = until(demo, COLLECTED, len(sent))
    assert {name: {key: str(value) for key, value in row.items()} for name, row in collected.items()} == sent
