"""Pages in Chromium as a person has them: at two sizes, light or dark, with a session, and judged by axe-core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.test import Client
from playwright.sync_api import Browser, Page

AXE = Path(__file__).resolve().parents[1] / "node_modules/axe-core/axe.min.js"
SIZES = {"phone": (360, 740), "desk": (1280, 800)}

Visit = Callable[[str, str, str], Page]


@contextmanager
def visits(browser: Browser, site: str, client: Client) -> Iterator[Visit]:
    """`visit(path, "phone", "dark")`: the page as the client's user sees it; errors of the console fail at the end."""
    cookie = {"name": "bench_session", "value": client.cookies["bench_session"].value, "url": site}
    errors: list[str] = []
    contexts = []

    def visit(path: str, size: str, scheme: str) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(site + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []


def assert_fit(page: Page) -> None:
    """Not wider than the window, and nothing that axe finds. `BENCH_SHOTS=FOLDER` keeps a picture of it."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size
    assert width <= page.viewport_size["width"], f"{page.url} is {width} px wide"
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run().then(result => result.violations)")
    told = [(one["id"], one["nodes"][0]["html"][:200]) for one in found]
    assert not told, f"{page.url}: {told}"
    if shots := os.environ.get("BENCH_SHOTS"):
        name = page.url.partition("//")[2].partition("/")[2].strip("/").replace("/", "_") or "index"
        page.screenshot(path=f"{shots}/{name}-{page.viewport_size['width']}.png", full_page=True)
