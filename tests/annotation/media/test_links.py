"""Films behind links, from a web server of this machine that breaks off, lies and leads astray."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command

from annotation.media import links
from annotation.media.links import LinkError, fetched
from annotation.models import Video

FILM = bytes(range(256)) * 4096  # 1 MiB
FIRST = 300_000  # what comes before the connection breaks


class Films(ThreadingHTTPServer):
    """Serves `film` under any name; the path's first part says how."""

    film = FILM
    etag = '"one"'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.paths: list[str] = []
        self.lives = 100  # answers with a body
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Films

    def log_message(self, *args: object) -> None: ...

    def do_GET(self) -> None:
        how = self.path.split("/")[1]
        wanted = self.headers.get("Range")
        self.server.asked.append((how, wanted))
        self.server.paths.append(self.path)
        getattr(self, how)(int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0)

    def whole(self, _: int) -> None:
        self._send(200, self.server.film)

    def cut(self, start: int) -> None:
        """Offers ranges of what it had, and breaks off after some bytes."""
        same = self.headers.get("If-Range") == self.server.etag
        start = start if same else 0
        rest, length = self.server.film[start:], len(self.server.film)
        told = {"ETag": self.server.etag}
        if start:
            told["Content-Range"] = f"bytes {start}-{length - 1}/{length}"
        sent = rest[:FIRST] if len(self.server.asked) <= self.server.lives else b""
        self._send(206 if start else 200, rest, sent, **told)

    def ranged(self, start: int) -> None:
        self._send(416 if start == len(FILM) else 200, FILM[start:], ETag=self.server.etag)

    def dead(self, start: int) -> None:
        self._send(200, FILM, b"", ETag='"one"')

    def page(self, _: int) -> None:
        self._send(200, b"<p>log in", **{"Content-Type": "text/html; charset=utf-8"})

    def gone(self, _: int) -> None:
        self._send(404, b"")

    def loop(self, _: int) -> None:
        self._send(302, b"", Location="/loop/film.mp4")

    def away(self, _: int) -> None:
        self._send(302, b"", Location="/whole/film.mp4")

    def scheme(self, _: int) -> None:
        self._send(302, b"", Location="file:///etc/passwd")

    def astray(self, _: int) -> None:
        self._send(302, b"", Location="http://[::1")

    def endless(self, _: int) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(FILM)
        except OSError:  # the reader has had enough
            self.close_connection = True

    def _send(self, status: int, body: bytes, sent: bytes | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if sent is None else sent)
        self.close_connection = True


@pytest.fixture
def site(settings: Any) -> Iterator[Films]:
    settings.LINK_PRIVATE_ADDRESSES = True
    with Films() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_film_is_fetched_and_its_copy_goes(site: Films, settings: Any) -> None:
    for how in ("whole", "away"):
        with fetched(f"{site.url}/{how}/A%20film.mp4?token=x") as path:
            assert path.name == "film-A film.mp4"
            assert path.read_bytes() == FILM
        assert list((Path(settings.MEDIA_ROOT) / "links").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("%00a.mp4", "a.mp4"),
        ("x" * 300 + ".mp4", "x" * 87 + "-0d4e2ca9.mp4"),
        ("%F0%9F%8E%AC" * 90, "🎬" * 22 + "-36d06a79"),
        ("%2e%2e%2f", "film"),
    ],
)
def test_a_name_that_no_disk_takes_is_cut(site: Films, name: str, called: str) -> None:
    with fetched(f"{site.url}/whole/{name}") as path:
        assert path.name == f"film-{called}"
        assert path.read_bytes() == FILM


def test_a_film_that_breaks_off_goes_on_by_range(site: Films) -> None:
    with fetched(f"{site.url}/cut/film.mp4") as path:
        assert path.read_bytes() == FILM
    assert site.asked == [("cut", None), *(("cut", f"bytes={n * FIRST}-") for n in (1, 2, 3))]


def test_another_run_goes_on_with_what_is_here(site: Films) -> None:
    site.lives = 2
    with pytest.raises(LinkError, match="another run goes on"), fetched(f"{site.url}/cut/film.mp4"):
        pass
    site.lives = 100
    del site.asked[:]
    with fetched(f"{site.url}/cut/film.mp4") as path:
        assert path.read_bytes() == FILM
    assert site.asked[0] == ("cut", f"bytes={2 * FIRST}-")


def test_halves_of_two_films_are_not_joined(site: Films) -> None:
    site.lives = 2
    with pytest.raises(LinkError), fetched(f"{site.url}/cut/film.mp4"):
        pass
    site.lives, site.film, site.etag = 100, FILM[::-1], '"two"'
    with fetched(f"{site.url}/cut/film.mp4") as path:
        assert path.read_bytes() == FILM[::-1]


def test_one_run_at_a_time_fetches_a_film(site: Films) -> None:
    url = f"{site.url}/whole/film.mp4"
    with fetched(url), pytest.raises(LinkError, match="another run is fetching it"), fetched(url):
        pass


def test_what_broke_off_long_ago_is_forgotten(site: Films, settings: Any) -> None:
    site.lives = 1
    with pytest.raises(LinkError), fetched(f"{site.url}/cut/film.mp4"):
        pass
    (folder,) = (Path(settings.MEDIA_ROOT) / "links").iterdir()
    links.sweep()
    assert folder.exists()
    past = time.time() - 24 * 3600 * settings.UPLOAD_EXPIRES_DAYS - 1
    for path in (*folder.iterdir(), folder):
        os.utime(path, (past, past))
    links.sweep()
    assert not folder.exists()


def test_a_film_that_is_all_here_is_fetched_anew(site: Films, settings: Any) -> None:
    """A run that was killed between its last byte and the film's row."""
    url = f"{site.url}/ranged/film.mp4"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(links.shutil, "rmtree", lambda *args, **more: None)
        with fetched(url):
            pass
    with fetched(url) as path:
        assert path.read_bytes() == FILM
    assert [wanted for _, wanted in site.asked] == [None, f"bytes={len(FILM)}-", None]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("page", "a page, not a film"),
        ("gone", "the site answers 404"),
        ("loop", "more than 5 redirects"),
        ("scheme", "file: only http, https and s3"),
        ("dead", "broke 5 times"),
        ("astray", "Invalid URL in location header"),
        ("endless", "INGEST_MAX_BYTES"),
    ],
)
def test_what_is_no_film_says_why(site: Films, settings: Any, how: str, reason: str) -> None:
    settings.INGEST_MAX_BYTES = 4 * len(FILM)
    with pytest.raises(LinkError, match=reason), fetched(f"{site.url}/{how}/film.mp4"):
        pass


def test_a_film_too_large_or_too_slow_is_not_fetched(site: Films, settings: Any) -> None:
    settings.INGEST_MAX_BYTES = len(FILM) - 1
    with pytest.raises(LinkError, match="INGEST_MAX_BYTES"), fetched(f"{site.url}/whole/film.mp4"):
        pass
    settings.INGEST_MAX_BYTES, settings.LINK_MAX_S = 10**12, 0.3
    with pytest.raises(LinkError, match="LINK_MAX_S"), fetched(f"{site.url}/endless/film.mp4"):
        pass


@pytest.mark.parametrize("host", ["a" * 64, "a..b"])
def test_what_no_site_can_be_called_is_refused(host: str) -> None:
    with pytest.raises(LinkError, match="no name of a site"), fetched(f"http://{host}/film.mp4"):
        pass


def test_names_too_long_for_a_disk_stay_apart() -> None:
    one, other = (links.file_name(f"https://site/{'ж' * 60}{number}.mp4") for number in (1, 2))
    assert one != other
    assert all(len(name.encode()) <= 100 and name.endswith(".mp4") for name in (one, other))


@pytest.mark.parametrize(
    "link",
    ["http://localhost/f.mp4", "http://127.0.0.1/f.mp4", "http://[::1]/f.mp4", "http://[::ffff:10.0.0.1]/f.mp4"]
    + [f"http://{host}/f.mp4" for host in ("0.0.0.0", "10.1.2.3", "169.254.169.254", "2130706433")],
)
def test_our_own_network_is_not_asked(settings: Any, link: str) -> None:
    assert not settings.LINK_PRIVATE_ADDRESSES
    with pytest.raises(LinkError, match="is a private address"), fetched(link):
        pass


def test_a_link_that_leads_into_our_own_network_is_not_followed(
    site: Films, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address passes, as a public one would; the one it leads to is looked at again."""
    looked = iter([True])
    monkeypatch.setattr(links, "_is_public", lambda address: next(looked, False))
    settings.LINK_PRIVATE_ADDRESSES = False
    with pytest.raises(LinkError, match="is a private address"), fetched(f"{site.url}/away/film.mp4"):
        pass
    assert site.asked == [("away", None)]


@pytest.mark.django_db
def test_rows_with_links_are_taken_once_and_refused_by_row(
    site: Films, make_video_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.film = make_video_file().read_bytes()
    table = tmp_path / "films.csv"
    (tmp_path / "words.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nA red ball\n\n")
    rows = [f"{site.url}/whole/one.mp4,words.srt", f"{site.url}/gone/two.mp4,", "s3://bucket/three.mp4,"]
    table.write_text("file,subtitles\n" + "\n".join(rows) + "\n")
    for said in ("1 taken, 0 known, 2 refused", "0 taken, 1 known, 2 refused"):
        with pytest.raises(CommandError, match="2 of 3 films were refused"):
            call_command("import_videos", table, queue=True)
        out = capsys.readouterr().out
        assert said in out
        assert f"refused  {site.url}/gone/two.mp4  the site answers 404" in out
        assert "refused  s3://bucket/three.mp4  s3://bucket: not among the buckets that films are fetched from" in out
    assert [how for how, _ in site.asked].count("whole") == 1
    video = Video.objects.get()
    assert (video.public_id, video.source) == ("one", f"{site.url}/whole/one.mp4")
    assert Path(video.file.path).read_bytes() == site.film
    assert [line.text for line in video.subtitles.all()] == ["A red ball"]


@pytest.fixture
def store(site: Films, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Films:
    """The same server as an S3 store, whose buckets are called what the paths' first parts are."""
    settings.S3_BUCKETS = ["cut", "gone"]
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDOFTHETEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-north-1",
        "AWS_DEFAULT_REGION": "eu-north-1",
        "AWS_ENDPOINT_URL_S3": site.url,
    }.items():
        monkeypatch.setenv(name, value)
    return site


def test_a_film_in_a_bucket_is_fetched_by_signed_links(store: Films) -> None:
    """Through all breaks; the store sees who asks, and never the secret."""
    with fetched("s3://cut/2026/A film.mp4") as path:
        assert path.name == "film-A film.mp4"
        assert path.read_bytes() == FILM
    first = parse_qs(urlsplit(store.paths[0]).query)
    assert len(store.paths) > 1
    assert urlsplit(store.paths[0]).path == "/cut/2026/A%20film.mp4"
    assert first["X-Amz-Credential"][0].startswith("AKIDOFTHETEST/")
    assert "eu-north-1/s3/aws4_request" in first["X-Amz-Credential"][0]
    assert len(first["X-Amz-Signature"][0]) == 64
    assert int(first["X-Amz-Expires"][0]) <= 3600
    assert not any("secret" in path for path in store.paths)


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("s3://others/film.mp4", "s3://others: not among the buckets that films are fetched from"),
        ("s3://cut", "names no film in the bucket"),
        ("s3:///film.mp4", "s3://: not among the buckets"),
        ("s3://gone/film.mp4", "the site answers 404"),
    ],
)
def test_what_no_bucket_of_ours_holds_is_refused(store: Films, link: str, why: str) -> None:
    with pytest.raises(LinkError, match=re.escape(why)), fetched(link):
        pass


def test_without_credentials_no_link_can_be_signed(store: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(LinkError, match="no link can be signed"), fetched("s3://cut/film.mp4"):
        pass
    assert store.paths == []
