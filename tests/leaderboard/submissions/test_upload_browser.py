"""Submitting in Chromium: dropped, looked at there, sent in pieces over a line that breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from benchmark_site.leaderboard.models import Membership, Submission, SubmissionUpload, Track
from tests.breaking_proxy import BreakingProxy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
MIB = 2**20
DROP = """(form, text) => {
    const dropped = new DataTransfer();
    dropped.items.add(new File([text], "p.json"));
    form.dispatchEvent(new DragEvent("drop", {dataTransfer: dropped, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def proxy(live_server: LiveServer) -> Iterator[BreakingProxy]:
    made = BreakingProxy(live_server.url)
    yield made
    made.close()


@pytest.fixture
def page(browser: Browser, proxy: BreakingProxy, membership: Membership, track: Track) -> Iterator[Page]:
    client = Client()
    client.force_login(membership.user)
    context = browser.new_context()
    cookie = {"name": "bench_session", "value": client.cookies["bench_session"].value, "url": proxy.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    page.goto(f"{proxy.url}{track.get_absolute_url()}submit/")
    page.get_by_label("Method").fill("mine")
    yield page
    context.close()


def predictions(padding: int) -> str:
    lists = [{"desc_id": 1, "desc": "", "predictions": [[0, 0.0, 1.0, 0.5]]}]
    return json.dumps({"VCMR": lists}) + " " * padding


def test_a_file_goes_on_after_a_lost_connection(page: Page, proxy: BreakingProxy, tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    file.write_text(predictions(30 * MIB))
    page.get_by_label("File:", exact=True).set_input_files(file)
    proxy.cut_after(20 * MIB)
    page.get_by_role("button", name="Submit", exact=True).click()
    assert proxy.dead.wait(30)
    page.wait_for_timeout(1500)  # some tries that fail
    assert 8 * MIB <= SubmissionUpload.objects.get().offset < 24 * MIB
    proxy.mend()
    page.get_by_text("Scoring: waiting").wait_for(timeout=60_000)
    submission = Submission.objects.get()
    assert Path(submission.file.path).read_bytes() == file.read_bytes()
    assert (submission.method, submission.public) == ("mine", False)
    assert proxy.sent < file.stat().st_size + 14 * MIB  # the rest, not all of it again


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is no JSON"),
        ("[]", "expected one object"),
        ('{"qa": 1}', "none of VCMR, SVMR and VR"),
        ('{"VCMR": [{"desc_id": 7, "predictions": [[0, "x"]]}]}', "VCMR, query 7, row 0: expected a list of numbers"),
    ],
)
def test_a_mistake_of_form_is_said_before_anything_is_sent(
    page: Page, proxy: BreakingProxy, text: str, said: str
) -> None:
    page.locator("form[data-uploads]").evaluate(DROP, text)
    page.get_by_text(said).wait_for()
    page.get_by_role("button", name="Check the file only").click()
    page.get_by_text(said).wait_for()
    assert not SubmissionUpload.objects.exists()


def test_a_dropped_file_is_checked_by_the_platform_without_a_try(page: Page, proxy: BreakingProxy) -> None:
    page.locator("form[data-uploads]").evaluate(DROP, predictions(0))
    page.get_by_role("button", name="Check the file only").click()
    page.get_by_text("A dry run").wait_for()
    assert Submission.objects.get().dry_run


def test_what_the_platform_refuses_is_said_on_the_page(page: Page, proxy: BreakingProxy, track: Track) -> None:
    Track.objects.filter(pk=track.pk).update(opens_at="2099-01-01T00:00Z")
    page.locator("form[data-uploads]").evaluate(DROP, predictions(0))
    page.get_by_role("button", name="Submit", exact=True).click()
    page.get_by_text("opens at 2099-01-01").wait_for()
    assert page.get_by_role("button", name="Submit", exact=True).is_enabled()
