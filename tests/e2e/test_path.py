"""The way of a datum at tiny size: every stage did its work, and the pages show it."""

from __future__ import annotations

import json
import re

import pytest
from django.utils.crypto import salted_hmac
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.e2e.conftest import SECRET_KEY, Demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first test waits for the demo
PASSWORD = "correct-horse-battery"
COUNTS = """
import json
from annotation.models import *
from benchmark_site.leaderboard.models import *
from benchmark_site.releases.models import Release, SplitVideo
from annotation.review import ledger
release = Release.objects.get()
print(json.dumps({
    "videos": Video.objects.filter(state="ready").count(),
    "segments": Segment.objects.count(), "queries": Query.objects.count(), "questions": Question.objects.count(),
    "waiting": Assignment.objects.exclude(state__in=["approved", "rejected"]).count(),
    "groups": sorted(set(Worker.objects.values_list("group", flat=True))),
    "rewards": str(ledger.totals()["reward"]), "held": str(ledger.totals()["held"]),
    "paid": Assignment.objects.filter(state="approved").count(),
    "release": release.state, "sha256": release.sha256, "seal": release.seal,
    "methods": sorted(set(Submission.objects.values_list("method", flat=True))),
    "scored": Evaluation.objects.filter(state="done").count(), "tracks": Track.objects.count(),
    "submissions": Submission.objects.count(),
    "hidden": SplitVideo.objects.filter(split="test").count(),
}))
"""


def test_every_stage_did_its_work(demo: Demo) -> None:
    counts = json.loads(demo.manage("shell", "-v", "0", "-c", COUNTS).splitlines()[-1])
    assert counts["videos"] == 12
    assert counts["segments"] >= 12
    assert counts["queries"] >= counts["segments"]
    assert counts["questions"] >= 12
    assert counts["groups"] == ["qa", "query", "segment"]
    assert counts["waiting"] == 0
    assert counts["held"] == "0.00"
    assert counts["release"] == "frozen"
    assert counts["tracks"] == 4
    assert counts["scored"] == counts["submissions"] >= 10
    assert any("HERO" in method for method in counts["methods"])
    # from the seed alone anybody could draw the order of the options again
    assert counts["seal"] == salted_hmac("demo release", "0", secret=SECRET_KEY, algorithm="sha256").hexdigest()


def test_the_summary_names_what_a_person_wants_to_know(demo: Demo) -> None:
    output = demo.output()
    for word in (
        "Collected",
        "Spend",
        "Blind accuracy before",
        "Blind accuracy after",
        "train",
        "Held-out clips",
        "speech",
        "both",
    ):
        assert word in output


class Console:
    """What the browser complains of."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url')})")


@pytest.mark.e2e
def test_the_pages_open_without_a_console_error(demo: Demo, browser: Browser) -> None:
    page = browser.new_page()
    console = Console(page)
    page.goto(demo.site)
    assert page.title() == "HERO Bench"
    assert page.get_by_role("link", name="demo segment").count() == 0
    page.get_by_role("link", name="demo 1.0.0").first.click()
    assert page.locator("h1").inner_text() == "demo 1.0.0"
    page.goto(f"{demo.site}/boards/")
    for address in [link.get_attribute("href") for link in page.locator("main a").all()]:
        if address and re.match(r"^/boards/.+", address):
            page.goto(demo.site + address)
            assert page.locator("h1").count() == 1
    assert "HERO" in page.content()
    page.close()
    assert console.complaints == []


@pytest.mark.e2e
def test_a_requester_launches_a_batch_and_a_worker_previews_it_with_a_playing_video(
    demo: Demo, browser: Browser
) -> None:
    demo.manage(
        "createsuperuser",
        "--noinput",
        DJANGO_SUPERUSER_USERNAME="boss",
        DJANGO_SUPERUSER_EMAIL="boss@example.org",
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
    )
    requester = browser.new_page()
    console = Console(requester)
    requester.goto(f"{demo.site}/login/")
    requester.get_by_label("Username").fill("boss")
    requester.get_by_label("Password").fill(PASSWORD)
    requester.get_by_role("button", name="Log in").click()
    requester.get_by_role("link", name="demo segment").first.click()
    assert requester.locator("h1").inner_text() == "demo segment"
    requester.goto(f"{demo.site}/batches/new/")
    requester.get_by_label("Name").fill("once more")
    requester.get_by_label("Kind").select_option("segment")
    requester.get_by_label("Reward").fill("0.15")
    requester.get_by_label("Budget").fill("100")
    requester.get_by_role("button", name="Save draft").click()
    requester.get_by_role("button", name=re.compile("Launch")).click()
    hidden = json.loads(demo.manage("shell", "-v", "0", "-c", COUNTS).splitlines()[-1])["hidden"]
    assert hidden > 0
    requester.get_by_text(f"0 of {12 - hidden} units complete").wait_for()  # nothing more is asked about hidden videos
    assert console.complaints == []
    requester.close()

    worker = browser.new_page()
    console = Console(worker)
    worker.goto(f"{demo.marketplace}/accounts/login/")
    worker.get_by_label("Username").fill("worker-01")
    worker.get_by_label("Password").fill(demo.password_of("worker-01"))
    worker.locator("form button[type=submit]").last.click()
    preview = worker.locator("article[data-hit-type] a[data-action=preview]").first
    for _ in range(20):
        worker.goto(demo.marketplace)
        if preview.count():
            break
        worker.wait_for_timeout(500)
    preview.click()
    frame = worker.frame_locator("iframe[data-role=task]")
    video = frame.locator("video[data-role=clip]")
    video.evaluate("video => { video.muted = true; return video.play(); }")
    worker.wait_for_timeout(1500)
    assert video.evaluate("video => video.currentTime") > 0.5
    assert video.evaluate("video => { video.currentTime = 15; return video.seekable.length; }") == 1
    assert frame.locator("fieldset[disabled] .send button[type=submit]").count() == 1
    assert worker.evaluate("() => { try { return window.frames[0].document.title; } catch { return null; } }") is None
    worker.close()
    assert console.complaints == []
