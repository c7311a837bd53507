"""The pages in Chromium: no console error, no sideways scrolling at 360 px, nothing that axe finds, light and dark."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from annotation.models import AnnotationImport, Query
from benchmark_site.releases.models import Release
from tests.releases.conftest import ROOT, frozen_without_matching, small_release

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

AXE = ROOT / "node_modules/axe-core/axe.min.js"
SIZES = {"phone": (360, 740), "desk": (1280, 800)}


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Callable[[str, str, str], Page]]:
    """`visit(path, "phone", "dark")`: the page as a requester sees it; console errors fail the test."""
    client = Client()
    client.force_login(User.objects.create_user("ann", is_staff=True))
    cookie = {"name": "bench_session", "value": client.cookies["bench_session"].value, "url": live_server.url}
    errors: list[str] = []
    contexts = []

    def open_page(path: str, size: str, scheme: str) -> Page:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(live_server.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def release(corpus, tmp_path: Path) -> Release:
    """A second version, so that there is something to compare, with one item left out and one import."""
    corpus(6)
    frozen_without_matching(small_release("demo", "0.9.0"))
    Query.objects.filter(pk=Query.objects.earliest("pk").pk).update(text=" \u202e ")
    (tmp_path / "r.csv").write_text(
        "abcdefghijk,[0:60],[1:5],A man opens the door\nabcdefghijk,[0:60],[9:5],The wrong way round\n"
    )
    call_command("import_annotations", "how2r", str(tmp_path / "r.csv"))
    return frozen_without_matching(small_release("demo", "1.0.0"))


def test_every_page_is_fit_for_a_phone_and_for_everybody(visit, release):
    item = release.items.filter(kind="qa", split="train").first()
    url = release.get_absolute_url()
    paths = {
        "release": url,
        "items": f"{url}items/?q=the",
        "item": f"{url}items/qa/{item.public_id}/",
        "left-out": f"{url}left-out/",
        "new-release": "/releases/new/",
        "correct": f"/items/moment/{Query.objects.latest('pk').public_id}/",
        "imports": "/imports/",
        "import": AnnotationImport.objects.get().get_absolute_url(),
    }
    shots = os.environ.get("BENCH_SHOTS")
    for name, path in paths.items():
        for size, scheme in (("phone", "light"), ("phone", "dark"), ("desk", "light")):
            page = visit(path, size, scheme)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= SIZES[size][0], f"{path} is {width} px wide"
            page.evaluate(AXE.read_text())
            found = page.evaluate("axe.run().then(result => result.violations)")
            assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == [], (path, size, scheme)
            if shots:
                page.screenshot(path=f"{shots}/{name}-{size}-{scheme}.png", full_page=True)
