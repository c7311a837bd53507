"""Downloads: ranges, what is known already, and one that is cut off and goes on through the site's own web server."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import FileResponse, HttpRequest

from annotation.media.ranges import ranged
from benchmark_site.releases.files.export import zip_of
from benchmark_site.releases.models import Release, ReleaseFile
from benchmark_site.server import make_server
from tests.releases.conftest import small_release

ZIP = "/releases/demo/1.0.0/download/"


def body(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_the_zip_has_a_length_and_comes_in_parts(client, frozen):
    whole = client.get(ZIP)
    raw = body(whole)
    assert int(whole["Content-Length"]) == len(raw)
    assert whole["Accept-Ranges"] == "bytes"
    parts = b""
    for first in range(0, len(raw), 1000):
        part = client.get(ZIP, headers={"Range": f"bytes={first}-{first + 999}", "If-Range": whole["ETag"]})
        last = min(first + 999, len(raw) - 1)
        assert (part.status_code, part["Content-Range"]) == (206, f"bytes {first}-{last}/{len(raw)}")
        assert int(part["Content-Length"]) == last - first + 1
        parts += body(part)
    assert parts == raw
    assert zipfile.ZipFile(io.BytesIO(raw)).testzip() is None


@pytest.mark.django_db
@pytest.mark.parametrize("url", [ZIP, "/releases/demo/1.0.0/files/moment/tvr/val.jsonl"])
def test_what_is_known_is_not_sent_again_and_another_version_is_sent_whole(client, frozen, url):
    whole = client.get(url)
    raw, etag = body(whole), whole["ETag"]
    known = client.get(url, headers={"If-None-Match": etag})
    assert (known.status_code, known.content, known["ETag"]) == (304, b"", etag)
    other = client.get(url, headers={"Range": "bytes=10-", "If-Range": '"another"'})
    assert (other.status_code, body(other)) == (200, raw)
    past = client.get(url, headers={"Range": f"bytes={len(raw)}-"})
    assert (past.status_code, past["Content-Range"]) == (416, f"bytes */{len(raw)}")
    head = client.head(url)
    assert int(head["Content-Length"]) == len(raw)


@pytest.mark.django_db
def test_files_beside_the_manifest_are_served_and_held_out_ones_never(client, frozen):
    for path in ("SHA256SUMS", "PROVENANCE.json", "MANIFEST.json", "croissant.json", "parquet/qa/val.parquet"):
        answer = client.get(f"/releases/demo/1.0.0/files/{path}")
        assert answer.status_code == 200, path
        assert body(answer) == (frozen.folder / path).read_bytes()
    for path in frozen.files.filter(access="held_out").values_list("path", flat=True):
        assert client.get(f"/releases/demo/1.0.0/files/{path}").status_code == 404


@pytest.mark.django_db
def test_a_lost_zip_is_made_again_with_the_same_bytes(client, frozen):
    raw = zip_of(frozen).read_bytes()
    zip_of(frozen).unlink()
    assert body(client.get(ZIP)) == raw
    assert [path.suffix for path in zip_of(frozen).parent.iterdir()] == [".zip"]


def test_a_range_is_read_by_the_web_server_from_the_disk(tmp_path: Path) -> None:
    """The server takes the file itself (wsgi.file_wrapper), so what it may seek must end where the range does."""
    (tmp_path / "x").write_bytes(bytes(range(100)))
    request = HttpRequest()
    request.META["HTTP_RANGE"] = "bytes=10-29"
    answer = ranged(request, (tmp_path / "x").open("rb"), 100, kind="application/octet-stream")
    assert isinstance(answer, FileResponse)
    file = answer.file_to_stream
    assert file is not None
    assert (file.seek(0, io.SEEK_END), file.seek(0)) == (20, 0)
    assert file.read(5) + file.read() + file.read() == bytes(range(10, 30))
    answer.close()


@pytest.fixture(params=[30, pytest.param(1024, marks=pytest.mark.slow)], ids=["30MB", "1GB"])
def large(request, transactional_db, settings) -> Path:
    """The zip of a frozen release with one file of so many MB, which no zip makes smaller."""
    release = small_release("demo", "1.0.0")
    path = release.folder / "features" / "noise.safetensors"
    path.parent.mkdir(parents=True)
    noise = random.Random(0)
    with path.open("wb") as file:
        for _ in range(request.param):
            file.write(noise.randbytes(1 << 20))
    (release.folder / "MANIFEST.json").write_text("{}")
    sha256 = sha256_of(path)
    ReleaseFile.objects.create(
        release=release, path="features/noise.safetensors", sha256=sha256, bytes=path.stat().st_size, access="public"
    )
    Release.objects.filter(pk=release.pk).update(
        state="frozen", sha256=sha256, frozen_at=release.created_at, step="done"
    )
    release.refresh_from_db()
    return zip_of(release)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture
def site(settings) -> Iterator[str]:
    """The platform's own web server on a free port."""

    def application(environ, start_response):
        try:
            return get_wsgi_application()(environ, start_response)
        finally:
            connections.close_all()

    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    server = make_server(application, lambda head: True, "127.0.0.1:0", threads=2)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(5)


def test_a_download_that_was_cut_goes_on_where_it_was(large, site, tmp_path):
    length = large.stat().st_size
    target = tmp_path / "demo.zip"
    command = ["curl", "-sS", "--fail", "-C", "-", "-o", str(target), f"{site}{ZIP}"]
    with urlopen(f"{site}{ZIP}") as first:
        assert int(first.headers["Content-Length"]) == length
        target.write_bytes(first.read(length // 3))  # and the line is cut
    here = target.stat().st_size
    told = subprocess.run([*command, "-w", "%{http_code} %{size_download}"], check=True, capture_output=True, text=True)
    assert told.stdout == f"206 {length - here}"
    assert sha256_of(target) == sha256_of(large)
