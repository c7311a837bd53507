"""A worker's browser at the task page, and the marketplace that stands behind it."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode

from playwright.sync_api import BrowserContext, Page, Route

from annotation.models import Hit
from tests.annotation.pages.task.test_task_page import frame_url, parameters

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
SENTENCE = "a red ball rolls slowly over the green floor"
START, END = "[name=start]", "[name=end]"
QUICKLY = "const wait = setTimeout; window.setTimeout = (act, ms) => wait(act, ms / 10);"


def until(page: Page, condition: str) -> None:
    """Wait for a JavaScript condition (Playwright's own way of waiting is what the page's policy forbids)."""
    deadline = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def taken(page: Page) -> None:
    page.get_by_text("Thank you").wait_for()


@dataclass
class Marketplace:
    """Stands where answers are sent, in place of another site: what has arrived there, and whether it is up."""

    up: bool = True
    answers: list[dict[str, object]] = field(default_factory=list)
    senders: list[tuple[str, str]] = field(default_factory=list)

    def take(self, route: Route) -> None:
        if not self.up:
            return route.abort()
        if route.request.method == "HEAD":
            return route.fulfill(status=405)
        fields = parse_qs(route.request.post_data or "")
        self.senders.append((fields["assignmentId"][0], fields["workerId"][0]))
        self.answers.append(json.loads(fields["answer"][0]))
        return route.fulfill(status=200, content_type="text/html", body="Thank you")


@dataclass
class Desk:
    """A worker's browser."""

    context: BrowserContext
    server: str
    marketplace: Marketplace
    errors: list[str] = field(default_factory=list)

    def open(self, hit: Hit, viewport: dict[str, int] = DESK, **ids: str) -> Page:
        page = self.context.new_page()
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.server + frame_url(hit) + "?" + urlencode(parameters(**ids)))
        until(page, "player.video.readyState > 0")
        return page


def shown(page: Page) -> tuple[list[str], list[str]]:
    """What the fields and what the handles of the slider say."""
    fields = [page.locator(name).input_value() for name in (START, END)]
    handles = [page.locator("[role=slider]").nth(place).get_attribute("aria-valuetext") or "" for place in (0, 1)]
    return fields, [text.removesuffix(" seconds") for text in handles]


def at(page: Page, second: float) -> None:
    page.evaluate("s => player.seek(s)", second)


def check(page: Page, name: str) -> str:
    return page.locator(f"[data-check={name}]").inner_text()


def saved(page: Page) -> None:
    page.get_by_text(re.compile(r"^Saved \d")).wait_for()


def write(page: Page, text: str = SENTENCE) -> None:
    """Fill in a description, and say what it is based on."""
    page.locator("[name=query]").fill(text)
    page.get_by_label("picture", exact=True).check()
