"""Films by the page: taken in several at once, cancelled, tried again; clips found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotation.models import Clip, Hit, Segment, Subtitle, Video
from annotation.models.crowd import Kind
from annotation.pages.footage import find_clips

pytestmark = pytest.mark.django_db
SRT = b"1\n00:00:01,000 --> 00:00:02,000\nA red ball\n\n"


@pytest.fixture
def requester(client: Client) -> Client:
    user = User.objects.create_user("ann")
    user.groups.add(Group.objects.get(name="Requesters"))
    client.force_login(user)
    return client


def sent(client: Client, *files: Any, **about: str) -> list[dict[str, str]]:
    answer = client.post("/videos/upload/", {"files": files, **about}, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    return answer.json()["films"]


def test_films_come_in_with_the_subtitles_of_their_name(
    requester: Client, make_video_file: Callable[..., Path]
) -> None:
    film = make_video_file("A walk.mp4").read_bytes()
    told = sent(
        requester,
        SimpleUploadedFile("A walk.mp4", film),
        SimpleUploadedFile("A walk.en.srt", SRT),
        SimpleUploadedFile("A walk.de.srt", SRT),
        SimpleUploadedFile("lonely.srt", SRT),
        SimpleUploadedFile("page.pdf", b"%PDF"),
        licence="CC0-1.0",
    )
    assert told == [
        {"name": "A walk.mp4", "word": "taken", "reason": "as “A-walk”"},
        {"name": "page.pdf", "word": "refused", "reason": "not a film by its name"},
        {"name": "A walk.de.srt", "word": "refused", "reason": "not those that are read (docs/subtitles.md)"},
        {"name": "lonely.srt", "word": "refused", "reason": "no film of this name came with it"},
    ]
    video = Video.objects.get()
    assert (video.public_id, video.licence, video.state) == ("A-walk", "CC0-1.0", "waiting")
    assert Path(video.file.path).read_bytes() == film
    assert [line.text for line in video.subtitles.all()] == ["A red ball"]
    again = sent(requester, SimpleUploadedFile("again.mp4", film))
    assert again == [{"name": "again.mp4", "word": "known", "reason": "as “A-walk”"}]


def test_a_large_film_that_lies_on_the_disk_is_taken_from_there(
    requester: Client, make_video_file: Callable[..., Path], settings: Any
) -> None:
    settings.FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
    film = make_video_file("large.mp4").read_bytes()
    assert sent(requester, SimpleUploadedFile("large.mp4", film))[0]["word"] == "taken"
    assert Path(Video.objects.get().file.path).read_bytes() == film


def test_an_upload_that_cannot_be_taken_says_why(requester: Client, make_video_file: Callable[..., Path]) -> None:
    assert sent(requester)[0]["reason"] == "No file came with it."
    film = SimpleUploadedFile("film.mp4", make_video_file().read_bytes())
    broken = SimpleUploadedFile("film.vtt", b"\0\1\2")
    assert "film.vtt" in sent(requester, film, broken)[0]["reason"]
    film.seek(0)
    assert "a language tag such as en" in sent(requester, film, language="klingon!")[0]["reason"]
    assert not Video.objects.exists()


def test_without_a_script_the_page_says_what_became_of_the_films(
    requester: Client, make_video_file: Callable[..., Path]
) -> None:
    film = SimpleUploadedFile("film.mp4", make_video_file().read_bytes())
    page = requester.post("/videos/upload/", {"files": film}, follow=True).content.decode()
    assert "film.mp4: taken as “film”" in page
    assert "waiting to be ingested" in page


def test_an_ingest_is_cancelled_and_tried_again(requester: Client) -> None:
    video = Video.objects.create(public_id="film", file="videos/film.mp4")
    page = requester.post(f"/videos/{video.pk}/cancel/", follow=True).content.decode()
    assert "cancelled by ann" in page
    page = requester.post(f"/videos/{video.pk}/retry/", follow=True).content.decode()
    assert "It waits for a worker again." in page
    assert "Not done" in requester.post(f"/videos/{video.pk}/retry/", follow=True).content.decode()
    assert requester.get("/videos/?state=failed").context["object_list"].count() == 0


def test_clips_are_found(clip: Clip, segment: Segment, make_hit: Callable[..., Hit], requester: Client) -> None:
    video = Video.objects.create(public_id="other", title="Walking", state="ready", sha256="1" * 64, duration=90.0)
    first, second = (Clip.objects.create(video=video, start=a, end=b) for a, b in ((0.0, 60.0), (60.0, 90.0)))
    Subtitle.objects.create(video=video, start=70.0, end=72.0, text="a dog barks")
    make_hit(Kind.QUERY, segment=segment)

    def found(**wanted: str) -> set[Clip]:
        return set(find_clips(**{"q": "", "subtitles": "", "language": "", "batches": "", "split": "", **wanted}))

    assert found() == {clip, first, second}
    assert found(q="walk") == {first, second}
    assert found(q="DOG") == {second}
    assert found(subtitles="without") == {first}
    Video.objects.filter(pk=video.pk).update(language="nl")
    assert found(language="other") == {first, second}
    assert found(language="english") == {clip}
    assert found(batches="used") == {clip}
    assert found(batches="unused") == {first, second}
    assert found(split="none") == {clip, first, second}
    assert found(split="train") == set()
    page = requester.get("/clips/?q=walk&subtitles=with").content.decode()
    assert f"/clips/{second.pk}/" in page
    assert f"/clips/{first.pk}/" not in page
