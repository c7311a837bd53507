"""Films sent from Chromium over a connection that breaks in the middle: they go on where they were."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from annotation.models import Upload, Video
from tests.breaking_proxy import BreakingProxy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
MIB = 2**20
PADDING = 40 * MIB
SRT = "1\n00:00:01,000 --> 00:00:02,000\nA red ball\n\n"
DROP = """(form, name) => {
    const dropped = new DataTransfer();
    dropped.items.add(new File(["no film"], name));
    form.dispatchEvent(new DragEvent("drop", {dataTransfer: dropped, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def proxy(live_server: LiveServer) -> Iterator[BreakingProxy]:
    made = BreakingProxy(live_server.url)
    yield made
    made.close()


@pytest.fixture
def page(browser: Browser, proxy: BreakingProxy) -> Iterator[Page]:
    user = User.objects.create_user("ann", is_staff=True)
    client = Client()
    client.force_login(user)
    context = browser.new_context()
    cookie = {"name": "bench_session", "value": client.cookies["bench_session"].value, "url": proxy.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    page.goto(f"{proxy.url}/videos/")
    yield page
    context.close()


@pytest.fixture
def film(make_video_file: Callable[..., Path]) -> Path:
    """A film with a box of noise at its end, which makes it long to send."""
    path = make_video_file("film.mp4")
    with path.open("ab") as file:
        file.write(struct.pack(">I", PADDING + 8) + b"free" + os.urandom(PADDING))
    return path


def choose(page: Page, *files: Path) -> None:
    page.get_by_label("Films, and subtitles").set_input_files(files)
    page.get_by_role("button", name="Take in").click()


def test_a_film_goes_on_after_a_lost_connection(page: Page, proxy: BreakingProxy, film: Path) -> None:
    film.with_suffix(".srt").write_text(SRT)
    proxy.cut_after(20 * MIB)
    choose(page, film, film.with_suffix(".srt"))
    assert proxy.dead.wait(30)
    page.wait_for_timeout(1500)  # some tries that fail
    here = Upload.objects.get(name="film.mp4").offset
    assert 12 * MIB < here < 22 * MIB
    proxy.mend()
    page.get_by_text("film.mp4: taken as “film”").wait_for(timeout=60_000)
    assert proxy.sent < film.stat().st_size + 10 * MIB  # the rest, not all of it again
    video = Video.objects.get()
    assert Path(video.file.path).read_bytes() == film.read_bytes()
    assert [line.text for line in video.subtitles.all()] == ["A red ball"]


def test_a_film_goes_on_after_a_reload(page: Page, proxy: BreakingProxy, film: Path) -> None:
    proxy.cut_after(20 * MIB)
    choose(page, film)
    assert proxy.dead.wait(30)
    page.goto("about:blank")  # before it is mended: the page that is left sends nothing that is lost as well
    proxy.mend()
    page.goto(f"{proxy.url}/videos/")
    page.get_by_text("are here").wait_for()
    choose(page, film)
    page.get_by_text("film.mp4: taken as “film”").wait_for(timeout=60_000)
    assert Upload.objects.count() == 1
    assert proxy.sent < film.stat().st_size + 10 * MIB
    assert Path(Video.objects.get().file.path).read_bytes() == film.read_bytes()


def test_films_are_dropped_and_what_is_not_wanted_any_more_is_discarded(page: Page, proxy: BreakingProxy) -> None:
    upload = Upload.objects.create(owner=User.objects.get(), name="old.mp4", size=10)
    form = page.locator("form[data-role=upload]")
    form.evaluate(DROP, "dropped.mp4")
    page.get_by_text("dropped.mp4: taken as “dropped”").wait_for()
    form.evaluate(DROP, "page.pdf")
    page.get_by_text("page.pdf: refused not a film by its name").wait_for()
    form.evaluate(DROP, "lonely.srt")
    page.get_by_text("lonely.srt: refused no film of this name came with it").wait_for()
    page.reload()
    page.get_by_role("button", name="Discard").click()
    page.get_by_text("old.mp4").wait_for(state="detached")
    assert not Upload.objects.filter(pk=upload.pk).exists()
