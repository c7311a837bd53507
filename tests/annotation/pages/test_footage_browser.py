"""Footage in Chromium: the second that a worker sees, narration that cannot be heard, pages fit for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer
from safetensors import safe_open

from annotation.media.import_list import Wanted
from annotation.media.ingest import ingest
from annotation.media.videos import take
from annotation.models import Clip, Hit, Video
from annotation.models.crowd import Kind
from tests.annotation.media.normal_form.films import HEIGHT, WIDTH, Recipe, make_film, read_stamp
from tests.annotation.pages.task.test_task_page import frame_url
from tests.leaderboard.conftest import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

AXE = REPOSITORY / "node_modules/axe-core/axe.min.js"
PREVIEW = "?assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE"
PIXELS = """async (video, second) => {
    const seeked = new Promise((done) => video.addEventListener("seeked", done, {once: true}));
    const shown = new Promise((done) => video.requestVideoFrameCallback(done));  // may come after "seeked"
    video.currentTime = second;
    await Promise.all([seeked, shown]);
    const canvas = Object.assign(document.createElement("canvas"), {width: video.videoWidth, height: video.videoHeight});
    canvas.getContext("2d").drawImage(video, 0, 0);
    return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}"""  # noqa: E501
HEARD = """async (video) => {
    video.muted = false;
    await video.play().catch(() => { video.muted = true; return video.play(); });
    await new Promise((done) => setTimeout(done, 1500));
    video.pause();
    return [video.currentTime, video.webkitAudioDecodedByteCount];
}"""
FORMS = {
    "phone": Recipe(".mov", rotation=270, sound="aac"),
    "starts at 3 s": Recipe(".mp4", picture_at=3.0),
    "VP9 in mkv": Recipe(".mkv", "libvpx-vp9", "libopus"),
    "AC-3 in mp4, one key frame": Recipe(".mp4", sound="ac3", rate=25),
}


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A requester's page on a phone; console errors fail the test."""
    user = User.objects.create_user("ann")
    group, _ = Group.objects.get_or_create(name="Requesters")
    user.groups.add(group)
    User.objects.filter(pk=user.pk).update(is_staff=True)  # other tests may have emptied the group
    client = Client()
    client.force_login(user)
    context = browser.new_context(viewport={"width": 360, "height": 740})
    cookie = {"name": "bench_session", "value": client.cookies["bench_session"].value, "url": live_server.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    errors: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def clip_of(film: Path) -> Clip:
    video, _ = take(Wanted(film, "stamped"))
    ingest(video.pk)
    video.refresh_from_db()
    assert video.state == Video.State.READY, video.error
    return video.clips.get()


def shown(page: Page, second: float) -> int:
    pixels = page.locator("video").evaluate(PIXELS, second)
    return read_stamp(np.array(pixels, np.uint8).reshape(HEIGHT, WIDTH, 4)[:, :, :3])


@pytest.mark.parametrize(
    "name", ["phone", *(pytest.param(name, marks=pytest.mark.slow) for name in FORMS if name != "phone")]
)
def test_a_worker_sees_at_a_second_what_the_film_shows_there(
    name: str, page: Page, live_server: LiveServer, tmp_path: Path
) -> None:
    recipe = FORMS[name]
    clip = clip_of(make_film(tmp_path / "film", recipe))
    page.goto(f"{live_server.url}/clips/{clip.pk}/")
    length = page.locator("video").evaluate("async v => { while (!v.duration) await 0; return v.duration; }")
    assert length == pytest.approx(recipe.seconds, abs=0.1)
    for second in (0.55, 1.95, 3.15, 4.55):
        assert shown(page, second + 0.01) == pytest.approx(int((second + 0.01) * recipe.rate), abs=1)
    if recipe.sound:
        assert page.locator("video").evaluate(HEARD)[1] > 0
        assert page.locator("img.waveform").evaluate("image => image.naturalWidth") > 0
    with safe_open(clip.features.path, "np") as file:
        frames = file.get_tensor("features").shape[0]
    assert frames * 1.5 >= clip.duration > (frames - 1) * 1.5


def test_hidden_narration_is_in_no_byte_that_reaches_the_worker(
    page: Page, live_server: LiveServer, tmp_path: Path, make_hit: Callable[..., Hit], clip: Clip
) -> None:
    film = clip_of(make_film(tmp_path / "film", Recipe(sound="aac")))
    for hidden in (False, True):
        hit = make_hit(Kind.SEGMENT, hidden=hidden)
        Hit.objects.exclude(pk=hit.pk).delete()
        Hit.objects.filter(pk=hit.pk).update(clip=film)
        asked: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(live_server.url + frame_url(hit) + PREVIEW)
        played, heard = page.locator("video").evaluate(HEARD)
        assert played > 0.5
        assert (heard == 0) == hidden
        assert page.get_by_text("no sound, on purpose").is_visible() == hidden
        telling = (".vtt", ".srt", ".svg") if hidden else (".vtt", ".srt")
        assert not [url for url in asked if url.endswith(telling) and "/static/" not in url]


def test_films_are_dropped_and_their_ingest_is_seen(
    page: Page, live_server: LiveServer, make_video_file: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "one.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nA red ball\n\n")
    (tmp_path / "three.mp4").write_text("no film")
    page.goto(f"{live_server.url}/videos/")
    chosen = [
        make_video_file("one.mp4"),
        tmp_path / "one.srt",
        make_video_file("two.mp4", fps=12),
        tmp_path / "three.mp4",
    ]
    page.get_by_label("Films, and subtitles").set_input_files(chosen)
    page.get_by_role("button", name="Take in").click()
    for line in ("one.mp4: taken as “one”", "two.mp4: taken as “two”", "three.mp4: taken as “three”"):
        page.get_by_text(line).wait_for()
    assert Video.objects.get(public_id="one").subtitles.count() == 1
    for video in Video.objects.all():
        ingest(video.pk)
    page.get_by_text("cannot be opened as video").wait_for(timeout=10_000)  # the table follows by itself
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("It waits for a worker again.").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("cancelled by ann").wait_for()
    for path in ("/videos/", "/clips/", f"/clips/{Clip.objects.earliest('pk').pk}/"):
        page.goto(live_server.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run().then(result => result.violations)")
        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == [], path
