"""The platform's web server over real sockets: slow senders, slow readers, refusals before the body, deadlines."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.db import connections
from django.test import Client

from benchmark_site import server
from benchmark_site.leaderboard.models import Membership, Scope, Submission, Team, Track
from benchmark_site.leaderboard.teams.tokens import create_token
from benchmark_site.local.supervisor import web_server
from benchmark_site.senders import largest_body, most_bytes
from benchmark_site.wsgi import application
from tests.leaderboard.conftest import small_file

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 4
FILM_BYTES = 40 * 2**20


class Site:
    """A running server: where it listens, and requests written by hand."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://localhost:{port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def head(self, path: str, length: int, *headers: str) -> bytes:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "Content-Type: multipart/form-data; boundary=b", *headers, "", ""]).encode()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The platform behind its web server; /film is a file that takes a while to read."""
    film = tmp_path / "film"
    with film.open("wb") as file:
        file.truncate(FILM_BYTES)

    def with_film(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/film":
            try:
                return list(application(environ, start_response))
            finally:
                connections.close_all()
        start_response("200 OK", [("Content-Length", str(FILM_BYTES))])
        if environ["QUERY_STRING"] == "streamed":
            return FileWrapper(film.open("rb"), 2**16)
        return environ["wsgi.file_wrapper"](film.open("rb"), 2**16)

    def asked(head: Any) -> int:
        try:
            return most_bytes(head)
        finally:
            connections.close_all()

    running = server.make_server(with_film, asked, "127.0.0.1:0", threads=THREADS, largest=largest_body() + 1)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    yield Site(int(running.effective_port))
    running.task_dispatcher.shutdown(timeout=5)
    running.asyncore.close_all(running._map)
    thread.join(timeout=5)


def submissions(track: Track) -> str:
    return f"/api/tracks/{track.path}/submissions"


def answer_of(connection: socket.socket) -> tuple[int, Any]:
    text = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = text.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.fixture
def slow_people(site: Site, track: Track, token: str) -> Iterator[Callable[[str], None]]:
    """`slow_people(kind)`: more of them than the server has threads, until the test ends."""
    stop = threading.Event()
    threads = []

    def send(headers: tuple[str, ...]) -> None:
        with contextlib.suppress(OSError), site.connect() as connection:
            connection.sendall(site.head(submissions(track), 30_000_000, *headers))
            while not stop.wait(0.1):
                connection.sendall(b"x" * 600)

    def read(path: str) -> None:
        with contextlib.suppress(OSError), site.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            while not stop.wait(0.1):
                connection.recv(600)

    kinds: dict[str, Callable[[], None]] = {
        "strangers": lambda: send(()),
        "members": lambda: send((f"Authorization: Bearer {token}",)),
        "half a head": lambda: send(("X: y" * 10,)),
        "readers of a file": lambda: read("/film"),
        "readers of a stream": lambda: read("/film?streamed"),
    }

    def start(kind: str) -> None:
        for _ in range(3 * THREADS):
            threads.append(threading.Thread(target=kinds[kind], daemon=True))
            threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(timeout=10)


@pytest.mark.parametrize(
    "kinds",
    [["strangers"], ["members"], ["readers of a file"], ["readers of a stream"],
     ["strangers", "members", "readers of a file"]],
)  # fmt: skip
def test_slow_senders_and_readers_hold_nobody_up(
    site: Site, slow_people: Callable[[str], None], kinds: list[str]
) -> None:
    for kind in kinds:
        slow_people(kind)
    time.sleep(1.5)
    waited = []
    for _ in range(10):
        began = time.monotonic()
        assert httpx.get(f"{site.url}/healthz", timeout=5).status_code == 200
        waited.append(time.monotonic() - began)
    assert sorted(waited)[8] < 1.0, waited


def test_without_a_token_the_answer_comes_before_the_body(site: Site, track: Track) -> None:
    with site.connect() as sender:
        sender.sendall(site.head(submissions(track), 30_000_000))
        status, body = answer_of(sender)
    assert (status, body["errors"][0]["code"]) == (401, "token")


def test_a_token_that_may_only_read_sends_nothing(
    site: Site,
    track: Track,
    membership: Membership,
) -> None:
    reader = create_token(membership, scope=Scope.READ)
    with site.connect() as sender:
        sender.sendall(site.head(submissions(track), 30_000_000, f"Authorization: Bearer {reader}"))
        status, body = answer_of(sender)
    assert (status, body["errors"][0]["code"]) == (403, "scope")


def test_nobody_fills_the_disk_with_many_files_at_once(
    site: Site, track: Track, membership: Membership, token: str
) -> None:
    """Each lies there while it comes, whatever its sender may submit."""

    def head(token: str) -> bytes:
        return site.head(submissions(track), 30_000_000, f"Authorization: Bearer {token}")

    others = Membership.objects.create(team=Team.objects.create(name="O"), user=User.objects.create_user("eve"))
    with contextlib.ExitStack() as open_lines:

        def begin(token: str) -> socket.socket:
            sender = open_lines.enter_context(site.connect())
            sender.sendall(head(token))
            return sender

        lines = [begin(one) for one in [token, create_token(membership)] * (server.MOST_AT_ONCE // 2)]
        time.sleep(0.5)
        status, body = answer_of(begin(token))
        assert (status, body["errors"][0]["code"]) == (429, "at_once")
        other = begin(create_token(others))
        other.settimeout(0.5)
        with pytest.raises(TimeoutError):  # nothing is said: its body is waited for
            other.recv(1)
        lines[0].close()
        time.sleep(0.5)
        again = begin(token)
        again.settimeout(0.5)
        with pytest.raises(TimeoutError):
            again.recv(1)


@pytest.mark.parametrize("size", [10**10, 10**15])
def test_ten_gigabytes_are_refused_before_they_are_sent(site: Site, track: Track, token: str, size: int) -> None:
    with site.connect() as sender:
        sender.sendall(site.head(submissions(track), size, f"Authorization: Bearer {token}") + b"x" * 1000)
        status, body = answer_of(sender)
    assert (status, body["errors"][0]["code"]) == (413, "too_large")
    assert "1,073,741,824 bytes" in body["errors"][0]["message"]


def test_a_body_of_no_said_length_ends_where_the_address_takes_no_more(
    site: Site, track: Track, token: str, settings: Any
) -> None:
    settings.SUBMISSION_MAX_BYTES = 2**20
    head = f"POST {submissions(track)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n"
    with site.connect() as sender:
        sender.sendall(head.encode())
        for _ in range(20):  # and no end of it
            sender.sendall(b"10000\r\n" + b"x" * 2**16 + b"\r\n")
        status, body = answer_of(sender)
    assert (status, body["errors"][0]["code"]) == (413, "too_large")


def test_a_sender_who_sends_all_the_same_hears_why(site: Site, track: Track, tmp_path: Path) -> None:
    big = tmp_path / "big.json"
    big.write_bytes(b" " * (30 * 2**20))
    with big.open("rb") as file:
        answer = httpx.post(
            site.url + submissions(track), headers={"Authorization": "Bearer wrong"}, data={"method": "m"},
            files={"file": file}, timeout=60,
        )  # fmt: skip
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (401, "Authorization")


def test_a_large_file_arrives_whole(site: Site, track: Track, token: str, tmp_path: Path) -> None:
    big = small_file(tmp_path, text="{}" + " " * (5 * 2**20))
    with big.open("rb") as file:
        answer = httpx.post(
            site.url + submissions(track), headers={"Authorization": f"Bearer {token}"}, data={"method": "m"},
            files={"file": file}, timeout=60,
        )  # fmt: skip
    assert answer.status_code == 201
    assert Submission.objects.get().size == 5 * 2**20 + 2


def test_the_page_takes_large_files_of_people_who_are_logged_in(
    site: Site,
    track: Track,
    membership: Membership,
    tmp_path: Path,
) -> None:
    browser = Client()
    browser.force_login(membership.user)
    cookies = {"bench_session": browser.cookies["bench_session"].value}
    page = httpx.get(f"{site.url}{track.get_absolute_url()}submit/", cookies=cookies)
    secret = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    big = small_file(tmp_path, text="{}" + " " * (5 * 2**20))
    for who in (cookies, {}):
        with big.open("rb") as file:
            answer = httpx.post(
                f"{site.url}{track.get_absolute_url()}submit/",
                cookies={**who, "bench_csrf": page.cookies["bench_csrf"]},
                data={"csrfmiddlewaretoken": secret, "team": str(membership.team.pk), "method": "m"},
                files={"file": file}, timeout=60,
            )  # fmt: skip
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/submissions/" if who else "/login/")


def test_a_piece_of_a_film_arrives_as_the_page_sends_it(site: Site) -> None:
    """As large as upload.js makes them; from somebody who may not collect nothing is read."""
    piece = os.urandom(8 * 2**20)
    cookies = {}
    for name in ("ann", "eve"):
        browser, user = Client(), User.objects.create_user(name)
        browser.force_login(user)
        cookies[name] = {"bench_session": browser.cookies["bench_session"].value}
    User.objects.get(username="ann").groups.add(Group.objects.get(name="Requesters"))
    page = httpx.get(f"{site.url}/videos/", cookies=cookies["ann"])
    secret = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    cookies = {name: {**own, "bench_csrf": page.cookies["bench_csrf"]} for name, own in cookies.items()}
    headers = {"Tus-Resumable": "1.0.0", "X-CSRFToken": secret, "Upload-Length": str(len(piece) + 1)}
    named = {"Upload-Metadata": f"filename {b64encode(b'film.mp4').decode()}"}
    made = httpx.post(f"{site.url}/videos/uploads/", cookies=cookies["ann"], headers=headers | named)
    assert made.status_code == 201, made.text
    part = {**headers, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    answers = [
        httpx.patch(site.url + made.headers["Location"], cookies=who, headers=part, content=piece, timeout=60)
        for who in (cookies["eve"], cookies["ann"])
    ]
    assert [answer.status_code for answer in answers] == [403, 204]
    assert answers[1].headers["Upload-Offset"] == str(len(piece))


def test_who_may_not_collect_sends_no_films(site: Site) -> None:
    browser = Client()
    browser.force_login(User.objects.create_user("eve"))
    cookie = f"Cookie: bench_session={browser.cookies['bench_session'].value}"
    with site.connect() as sender:
        sender.sendall(site.head("/videos/upload/", 10**9, cookie))
        assert sender.recv(65536).split()[1] == b"403"


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: loc", None])
def test_a_head_or_a_body_that_never_ends_is_cut_off(
    site: Site,
    track: Track,
    token: str,
    sent: bytes | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "HEAD_S", 1.0)
    monkeypatch.setattr(server, "BODY_S", 1.0)
    monkeypatch.setattr(server, "BODY_BYTES_PER_S", 10**9)
    with site.connect() as sender:
        sender.sendall(sent or site.head(submissions(track), 3_000_000, f"Authorization: Bearer {token}"))
        with contextlib.suppress(ConnectionError):
            assert sender.recv(100) == b""


def test_behind_a_proxy_the_client_is_who_the_proxy_says() -> None:
    seen = []

    def look(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append((environ["REMOTE_ADDR"], environ.get("HTTP_X_FORWARDED_PROTO")))
        start_response("200 OK", [("Content-Length", "0")])
        return []

    for behind_proxy in (False, True):
        running = server.make_server(look, most_bytes, "127.0.0.1:0", behind_proxy=behind_proxy)
        threading.Thread(target=running.run, daemon=True).start()
        headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
        httpx.get(f"http://127.0.0.1:{running.effective_port}/", headers=headers)
        running.asyncore.close_all(running._map)
    assert seen == [("127.0.0.1", None), ("192.0.2.7", "https")]


def test_the_program_of_make_up_serves_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "MEDIA_ROOT": str(tmp_path), "SITE_URL": "http://localhost"}
    process = subprocess.Popen(web_server(sys.executable, port), env=environment)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                assert httpx.get(f"http://localhost:{port}/healthz").json() == {"status": "ok"}
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()


@pytest.mark.parametrize("path", ["/boards/", "/nothing/", "/film", "/film?streamed"])
def test_an_answer_to_head_is_its_head_alone(site: Site, path: str) -> None:
    with site.connect() as connection:
        connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        text = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = text.partition(b"\r\n\r\n")
    assert (body, b"Content-Length: " in head) == (b"", True)
