from pathlib import Path

import pytest
from django.core import signing
from django.core.files.base import ContentFile
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation.media.clip_files import clip_url
from annotation.models import Clip

pytestmark = pytest.mark.django_db
BYTES = bytes(range(256)) * 4


@pytest.fixture
def url(clip: Clip, tmp_path: Path) -> str:
    clip.file.save("x.mp4", ContentFile(BYTES))
    return clip_url(clip)


def body(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def test_the_whole_file_says_that_ranges_are_taken(client: Client, url: str) -> None:
    response = client.get(url)
    assert (response.status_code, response["Accept-Ranges"]) == (200, "bytes")
    assert body(response) == BYTES


@given(first=st.integers(0, 1023), length=st.integers(1, 2000))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_range_is_that_range(client: Client, url: str, first: int, length: int) -> None:
    response = client.get(url, headers={"Range": f"bytes={first}-{first + length - 1}"})
    assert response.status_code == 206
    wanted = BYTES[first : first + length]
    assert body(response) == wanted
    assert response["Content-Range"] == f"bytes {first}-{first + len(wanted) - 1}/1024"
    assert response["Content-Length"] == str(len(wanted))


def test_open_and_suffix_ranges(client: Client, url: str) -> None:
    assert body(client.get(url, headers={"Range": "bytes=1000-"})) == BYTES[1000:]
    assert body(client.get(url, headers={"Range": "bytes=-24"})) == BYTES[-24:]


def test_a_range_past_the_end_is_416(client: Client, url: str) -> None:
    response = client.get(url, headers={"Range": "bytes=1024-"})
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */1024")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=5-2", 200),  # no range: it is passed over (RFC 9110, 14.1.1)
        ("bytes=0-1,5-6", 200),
        ("bytes=", 200),
        ("bytes=-", 200),
        ("bytes=a-b", 200),
        ("lines=0-1", 200),
        ("bytes=" + "9" * 5000 + "-", 200),
        ("bytes=0-" + "9" * 5000, 200),
        ("bytes=999999999999999999-", 416),
        ("bytes=-0", 416),
        ("bytes=-5000", 206),
        ("bytes=0-5000", 206),
        ("Bytes=0-1023", 206),
        ("bytes=1023-1023", 206),
    ],
)
def test_odd_ranges_are_answered_by_the_book(client: Client, url: str, asked: str, status: int) -> None:
    response = client.get(url, headers={"Range": asked})
    assert response.status_code == status
    if status == 200:
        assert body(response) == BYTES
    if status == 206:
        assert body(response) == (BYTES[-1:] if "1023-1023" in asked else BYTES)


def test_a_head_says_how_long_the_whole_is(client: Client, url: str) -> None:
    response = client.head(url, headers={"Range": "bytes=0-9"})
    assert (response.status_code, response["Content-Length"], response["Accept-Ranges"]) == (200, "1024", "bytes")


def test_an_address_of_another_key_is_unknown(client: Client, url: str, clip: Clip) -> None:
    forged = signing.dumps(clip.pk, salt="other")
    assert client.get(f"/media/clip/{forged}.mp4").status_code == 404
