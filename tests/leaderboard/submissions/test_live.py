"""The API over a real socket: uploads that break off, refusals before the body is read, the documented curl line."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pytest_django.live_server_helper import LiveServer

from benchmark_site.leaderboard.models import Submission, Track
from benchmark_site.leaderboard.submissions import uploads
from benchmark_site.leaderboard.submissions.submit import MOST_ATTEMPTS_A_DAY, MOST_UNDER_WAY
from tests.leaderboard.conftest import REPOSITORY

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_upload_that_breaks_off_becomes_no_submission(live_server: LiveServer, track: Track, token: str) -> None:
    whole = (
        b"--b\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nm\r\n"
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.json\"\r\n\r\n" + b'{"1": 2}' * 20_000
        + b"\r\n--b--\r\n"
    )  # fmt: skip
    address = urlsplit(live_server.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as sender:
        head = (
            f"POST /api/tracks/{track.path}/submissions HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            f"Content-Length: {len(whole)}\r\n\r\n"
        )
        sender.sendall(head.encode() + whole[: len(whole) // 2])
        sender.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sender.recv(65536), b""))
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["errors"][0]["code"] == "cut_short"
    assert not Submission.objects.exists()


def test_a_sender_that_trickles_is_cut_off(
    live_server: LiveServer, track: Track, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_PATIENCE_S", 0.5)
    address = urlsplit(live_server.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as sender:
        sender.sendall(
            f"POST /api/tracks/{track.path}/submissions HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            f"Content-Length: 1000000\r\n\r\n--b\r\n"
            f'Content-Disposition: form-data; name="file"; filename="p.json"\r\n\r\n'.encode()
        )
        answer = b""
        while not answer:
            sender.sendall(b"x" * 300)
            sender.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                answer = sender.recv(65536)
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert not Submission.objects.exists()
    assert list(uploads.incoming_folder().iterdir()) == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_line_of_the_guide_works(
    live_server: LiveServer, track: Track, token: str, predictions: Callable[..., Path], tmp_path: Path
) -> None:
    guide = (REPOSITORY / "docs/submitters.md").read_text()
    scripts = [block for block in re.findall(r"```sh\n(.*?)```", guide, re.S) if "curl" in block]
    assert len(scripts) == 2
    shutil.copy(predictions(), tmp_path / "predictions.json")
    environment = {"PATH": "/usr/bin:/bin", "SITE": live_server.url, "TOKEN": token}
    sent, read = None, ""
    for script in scripts:
        done = subprocess.run(
            ["sh", "-euc", script],
            cwd=tmp_path, env={**environment, **({"ID": sent["id"]} if sent else {})}, capture_output=True, text=True,
            check=True, timeout=60,
        )  # fmt: skip
        read = done.stdout
        sent = sent or json.loads(read)
    assert sent is not None
    assert Submission.objects.get(pk=sent["id"]).track == track
    assert '"state": "queued"' in read or '"state":"queued"' in read


def test_the_guide_names_the_limits_that_hold() -> None:
    guide = (REPOSITORY / "docs/submitters.md").read_text()
    assert f"{MOST_ATTEMPTS_A_DAY} attempts" in guide
    assert "1 GiB" in guide
    assert MOST_UNDER_WAY == 5
    assert "at most five of a person's wait" in guide
