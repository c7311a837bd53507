"""Films in pieces: what the tus protocol says, whose an upload is, and that a film ends as any other."""

from __future__ import annotations

import io
import os
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from annotation.media import uploads
from annotation.models import Upload, Video
from annotation.models.upload import parts_folder
from benchmark_site.tus import protocol as tus
from benchmark_site.tus.partial import WrongOffset, append

pytestmark = pytest.mark.django_db
NEW = "/videos/uploads/"
TUS = {"Tus-Resumable": "1.0.0"}
SRT = b"1\n00:00:01,000 --> 00:00:02,000\nA red ball\n\n"


def person(name: str) -> Client:
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name="Requesters"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def requester(db: None) -> Client:
    return person("ann")


@pytest.fixture
def film(make_video_file: Callable[..., Path]) -> bytes:
    return make_video_file("film.mp4").read_bytes()


def begin(client: Client, size: object, **said: str) -> Any:
    told = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in said.items())
    return client.post(NEW, headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": told})


def begun(client: Client, size: int, **said: str) -> str:
    answer = begin(client, size, **said)
    assert answer.status_code == 201, answer.content
    return answer["Location"]


def patch(client: Client, address: str, offset: object, body: bytes, **more: Any) -> Any:
    headers = {**TUS, "Upload-Offset": str(offset)}
    return client.patch(address, body, more.pop("kind", tus.BYTES), headers=headers, **more)


def offset_of(client: Client, address: str) -> int:
    answer = client.head(address, headers=TUS)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    return int(answer["Upload-Offset"])


def became(client: Client, address: str) -> Any:
    return client.get(address).json()["films"]


def test_a_film_in_pieces_is_taken_in_like_any_other(
    requester: Client, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tus, "PIECE", 1000)  # some pieces a request
    address = begun(requester, len(film), filename="A walk.mp4", licence="CC0-1.0")
    half = len(film) // 2
    assert offset_of(requester, address) == 0
    assert patch(requester, address, 0, film[:half])["Upload-Offset"] == str(half)
    assert offset_of(requester, address) == half
    assert "A walk.mp4" in requester.get("/videos/").content.decode()  # to be chosen again
    assert became(requester, address) is None
    answer = patch(requester, address, half, film[half:])
    assert (answer.status_code, answer["Upload-Offset"]) == (204, str(len(film)))
    assert became(requester, address) == [{"name": "A walk.mp4", "word": "taken", "reason": "as “A-walk”"}]
    video = Video.objects.get()
    assert (video.public_id, video.licence, video.state) == ("A-walk", "CC0-1.0", "waiting")
    assert Path(video.file.path).read_bytes() == film
    again = begun(requester, len(film), filename="again.mp4")
    patch(requester, again, 0, film)
    assert became(requester, again) == [{"name": "again.mp4", "word": "known", "reason": "as “A-walk”"}]


def test_parts_go_once_their_film_is_stored(
    requester: Client, film: bytes, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        patch(requester, begun(requester, len(film), filename="film.mp4"), 0, film)
    assert list(parts_folder().iterdir()) == []
    assert Path(Video.objects.get().file.path).read_bytes() == film


def test_subtitles_go_with_their_film(requester: Client, film: bytes) -> None:
    theirs = begun(requester, len(SRT), filename="film.en.srt")
    name = theirs.split("/")[-2]
    assert b"send them anew" in begin(requester, len(film), filename="film.mp4", subtitles=name).content  # not whole
    patch(requester, theirs, 0, SRT)
    assert became(requester, theirs) is None
    assert b"send them anew" in begin(person("eve"), 9, filename="film.mp4", subtitles=name).content  # not hers
    assert b"ids of uploads" in begin(requester, 9, filename="film.mp4", subtitles="x").content
    address = begun(requester, len(film), filename="film.mp4", subtitles=name)
    patch(requester, address, 0, film)
    assert became(requester, address)[0]["word"] == "taken"
    assert [line.text for line in Video.objects.get().subtitles.all()] == ["A red ball"]
    assert requester.head(theirs, headers=TUS).status_code == 404


def test_what_cannot_become_a_film_is_refused_before_its_bytes(requester: Client, settings: Any) -> None:
    settings.INGEST_MAX_BYTES = 10**9
    for size, name, status, reason in (
        (9, "page.pdf", 400, "not a film by its name"),
        (0, "film.mp4", 400, "an empty file"),
        (10**9 + 1, "film.mp4", 413, "INGEST_MAX_BYTES"),
        (10**8, "film.srt", 400, "larger than 0.0625 GiB"),
        (9, "x" * 200 + ".mp4", 400, "at most 200 bytes"),
        ("", "film.mp4", 400, "Upload-Length: a number"),
        ("-1", "film.mp4", 400, "Upload-Length: a number"),
        ("9" * 30, "film.mp4", 400, "Upload-Length: a number"),
    ):
        answer = begin(requester, size, filename=name)
        assert (answer.status_code, reason in answer.content.decode()) == (status, True), answer.content
    assert "a language tag" in begin(requester, 9, filename="film.mp4", language="klingon!").content.decode()
    odd = {**TUS, "Upload-Length": "9", "Upload-Metadata": "filename ###"}
    assert requester.post(NEW, headers=odd).status_code == 400
    assert not Upload.objects.exists()


def test_a_name_with_folders_stays_in_its_folder(requester: Client, film: bytes) -> None:
    address = begun(requester, len(film), filename="../../etc/film.mp4")
    patch(requester, address, 0, film)
    assert became(requester, address)[0] == {"name": "film.mp4", "word": "taken", "reason": "as “film”"}


def test_a_piece_fits_exactly_or_not_at_all(requester: Client) -> None:
    address = begun(requester, 10, filename="film.mp4")
    assert patch(requester, address, 0, b"01234").status_code == 204
    for offset in (0, 4, 6):
        assert patch(requester, address, offset, b"xx").status_code == 409
    assert patch(requester, address, 5, b"5678901").status_code == 409  # more than was said
    assert patch(requester, address, "x", b"5").status_code == 400
    assert patch(requester, address, 5, b"5", kind="video/mp4").status_code == 415
    part = Upload.objects.get().part
    assert part.read_bytes() == b"01234"
    part.write_bytes(b"01234?????")  # a server that was killed while it wrote
    assert patch(requester, address, 5, b"56")["Upload-Offset"] == "7"
    assert part.read_bytes()[:7] == b"0123456"


def test_a_connection_that_was_slow_to_die_loses_against_the_new_one(requester: Client) -> None:
    """Both were at the right place when they began."""
    pk = UUID(begun(requester, 10, filename="film.mp4").split("/")[-2])
    assert append(Upload, pk, 0, b"new") == 3
    with pytest.raises(WrongOffset, match="0 where 3 is the next"):
        append(Upload, pk, 0, b"old")
    assert Upload.objects.get(pk=pk).part.read_bytes() == b"new"


def test_what_came_before_the_connection_broke_is_kept(requester: Client) -> None:
    class Broken(io.RawIOBase):
        left = 100_000

        def read(self, size: int = -1) -> bytes:
            if not self.left:
                raise ConnectionResetError("gone")
            size = min(size, self.left)
            self.left -= size
            return b"y" * size

    address = begun(requester, 200_000, filename="film.mp4")
    environ = {"wsgi.input": Broken(), "CONTENT_LENGTH": "200000"}
    assert patch(requester, address, 0, b"x", **environ)["Upload-Offset"] == "100000"
    assert offset_of(requester, address) == 100_000


def test_versions_and_methods(requester: Client) -> None:
    address = begun(requester, 10, filename="film.mp4")
    answer = requester.options(NEW)
    assert answer.status_code == 204
    assert (answer["Tus-Version"], answer["Tus-Extension"]) == ("1.0.0", "creation,termination")
    assert int(answer["Tus-Max-Size"]) > 0
    for old in ({}, {"Tus-Resumable": "0.2.0"}):
        answer = requester.head(address, headers=old)
        assert (answer.status_code, answer["Tus-Version"]) == (412, "1.0.0")
    assert requester.put(address, headers=TUS).status_code == 405


def test_an_upload_is_its_owners_alone(requester: Client) -> None:
    address = begun(requester, 10, filename="not for all.mp4")
    other = person("eve")
    assert other.get(address).status_code == other.head(address, headers=TUS).status_code == 404
    assert patch(other, address, 0, b"x").status_code == 404
    assert other.delete(address, headers=TUS).status_code == 404
    assert "not for all.mp4" not in other.get("/videos/").content.decode()
    assert offset_of(requester, address) == 0


def test_an_upload_is_ended(requester: Client, django_capture_on_commit_callbacks: Any) -> None:
    address = begun(requester, 10, filename="film.mp4")
    patch(requester, address, 0, b"x")
    with django_capture_on_commit_callbacks(execute=True):
        assert requester.delete(address, headers=TUS).status_code == 204
    assert requester.head(address, headers=TUS).status_code == 404
    assert list(parts_folder().iterdir()) == []


@pytest.mark.parametrize("kind", [tus.BYTES, "multipart/form-data; boundary=x"])
def test_the_body_of_a_stranger_is_not_read(client: Client, kind: str) -> None:
    class Closed(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("the body is read")

    strict = Client(enforce_csrf_checks=True)
    account = Client(enforce_csrf_checks=True)
    account.force_login(User.objects.create_user("eve"))
    environ = {"wsgi.input": Closed()}
    for address in (NEW, f"{NEW}{UUID(int=1)}/", "/videos/upload/"):
        for send in ("POST", "PATCH"):
            assert strict.generic(send, address, b"x", content_type=kind, headers=TUS, **environ).status_code == 302
            assert account.generic(send, address, b"x", content_type=kind, headers=TUS, **environ).status_code == 403


def test_another_sites_page_cannot_send_a_film(requester: Client) -> None:
    requester.handler.enforce_csrf_checks = True
    assert begin(requester, 10, filename="film.mp4").status_code == 403


def test_the_sweeper_takes_in_what_was_left_whole_and_forgets_what_expired(
    requester: Client, film: bytes, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    whole, old, new = (UUID(begun(requester, len(film), filename=f"{name}.mp4").split("/")[-2]) for name in "abc")
    for pk, length in ((whole, len(film)), (old, 9), (new, 9)):
        append(Upload, pk, 0, film[:length])
    (parts_folder() / "left").write_bytes(b"of a row that is gone")
    past = timezone.now() - timedelta(seconds=uploads.STALLED_S + 1)
    Upload.objects.filter(pk=whole).update(touched_at=past)
    past = timezone.now() - timedelta(days=settings.UPLOAD_EXPIRES_DAYS, seconds=1)
    Upload.objects.filter(pk=old).update(touched_at=past)
    with django_capture_on_commit_callbacks(execute=True):
        uploads.sweep()
    assert set(Upload.objects.values_list("pk", flat=True)) == {whole, new}
    assert os.listdir(parts_folder()) == [new.hex]
    assert Upload.objects.get(pk=whole).result == [{"name": "a.mp4", "word": "taken", "reason": "as “a”"}]
    assert Video.objects.get().public_id == "a"
