"""Pages that are kept for everybody without an account: nobody else gets them, and nobody gets one of yesterday."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmark_site.leaderboard.models import Submission, Track
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db

EXPORTS = ("board.csv", "board.json", "board.tex", "board.bib", "sota.json")
ENDS = datetime(2027, 1, 1, 10, tzinfo=UTC)
REVEALS = ENDS + LONGEST_UPLOAD


@pytest.fixture
def shown(api_client: ApiClient, track: Track, tmp_path: Path) -> Submission:
    sent = api_client.post(track, small_file(tmp_path), method="m0", public="true")[1]
    submission = Submission.objects.get(pk=sent["id"])
    add_scores(submission, {track.primary_metric: 30.0})
    return submission


@pytest.fixture
def pages(track: Track, shown: Submission) -> list[str]:
    board = track.get_absolute_url()
    return ["/", board, f"{board}?sort=method", *(f"{board}{name}" for name in EXPORTS)]


def test_a_second_reader_costs_a_query_and_no_drawing(pages: list[str]) -> None:
    first = [Client().get(path).content for path in pages]
    for path, content in zip(pages, first, strict=True):
        with CaptureQueriesContext(connection) as asked:
            answer = Client().get(path)
        assert answer.content == content
        assert not answer.templates
        assert len(asked) == (2 if path == "/" else 1), [one["sql"][:80] for one in asked]


def test_a_browser_that_unpacks_gets_the_same_page_packed(pages: list[str]) -> None:
    for path in pages:
        plain, packed = (Client().get(path, headers={"accept-encoding": one}) for one in ("identity", "gzip, br"))
        assert (plain.get("Content-Encoding"), packed.get("Content-Encoding")) == (None, "gzip")
        assert gzip.decompress(packed.content) == plain.content
        assert {"Cookie", "Accept-Encoding"} <= {name.strip() for name in packed["Vary"].split(",")}
        for name in ("Content-Type", "Content-Disposition", "Cache-Control", "ETag"):
            assert packed.get(name) == plain.get(name)


def test_whoever_has_it_is_not_sent_it_again_until_it_changes(pages: list[str], shown: Submission) -> None:
    for path in pages:
        tag = Client().get(path)["ETag"]
        again = Client().get(path, headers={"if-none-match": tag})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
        assert "no-cache" in again["Cache-Control"]
        Submission.objects.filter(pk=shown.pk).update(method=f"renamed {pages.index(path)}")
        changed = Client().get(path, headers={"if-none-match": tag})
        assert changed.status_code == 200
        assert changed["ETag"] != tag
        assert f"renamed {pages.index(path)}" in changed.content.decode() or path.endswith(".bib")


def test_somebody_with_a_session_gets_a_page_of_their_own(
    pages: list[str], member: Client, organiser: Client, track: Track
) -> None:
    for path in pages[:3]:
        tag = Client().get(path)["ETag"]
        theirs = member.get(path, headers={"if-none-match": tag})
        assert theirs.status_code == 200
        assert "ETag" not in theirs
        assert "private" in theirs["Cache-Control"]
        assert "Log out ada" in theirs.content.decode()
        assert "Log out" not in Client().get(path).content.decode()
    assert "/settings/" in organiser.get(track.get_absolute_url()).content.decode()
    assert "/settings/" not in Client().get(track.get_absolute_url()).content.decode()


def test_a_strangers_page_holds_no_token_and_no_message_of_anybody(pages: list[str]) -> None:
    for path in pages:
        answer = Client().get(path)
        assert not answer.cookies
        assert b"csrf" not in answer.content
        told = Client()
        told.cookies["messages"] = "x"
        assert "ETag" not in told.get(path)


def test_an_export_names_the_address_by_which_it_was_asked(pages: list[str], track: Track) -> None:
    path = f"{track.get_absolute_url()}board.tex"
    for host in ("testserver", "localhost"):
        assert f"% http://{host}/boards/" in Client().get(path, headers={"host": host}).content.decode()


def test_a_board_closes_and_is_revealed_to_the_second(tracks: dict[str, Track]) -> None:
    track = tracks["qa/test"]
    dates = {"closes_at": ENDS, "reveals_at": REVEALS, "opens_at": ENDS - timedelta(days=9)}
    Track.objects.filter(pk=track.pk).update(public_percent=50, part_secret="of the test", **dates)
    path, tag, second = track.get_absolute_url(), "", timedelta(seconds=1)
    for at, state, submit, part in (
        (ENDS - second, "open until 2027", True, "Made of the public part"),
        (ENDS, "closed since 2027", False, "Made of the public part"),
        (REVEALS - second, "closed since 2027", False, "Made of the public part"),
        (REVEALS, "closed since 2027", False, "by the private part, 50 %"),
    ):
        with time_machine.travel(at, tick=False):
            answer = Client().get(path, headers={"if-none-match": tag})
            assert answer.status_code == 200
            tag = Client().get(path)["ETag"]  # the first at the reveal writes down what decides, and is not kept
            assert Client().get(path, headers={"if-none-match": tag}).status_code == 304
        page = answer.content.decode()
        assert (state in page, "Submit predictions" in page, part in page) == (True, submit, True), at


def test_a_countdown_goes_on(track: Track) -> None:
    Track.objects.filter(pk=track.pk).update(closes_at=ENDS, opens_at=ENDS - timedelta(days=9))
    for minutes in (50, 49):
        with time_machine.travel(ENDS - timedelta(minutes=minutes), tick=False):
            assert f"closes in {minutes}\xa0minutes" in Client().get(track.get_absolute_url()).content.decode()


def test_what_is_announced_stands_there_at_once(track: Track) -> None:
    def page() -> str:
        return Client().get(track.get_absolute_url()).content.decode()

    assert "moved" not in page()
    said = track.announcements.create(text="The end is moved.")
    assert "moved" in page()
    said.delete()
    assert "moved" not in page()
