"""A board's page is kept as long as what it follows from stays the same, and not a moment longer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmark_site.leaderboard.boards import kept
from benchmark_site.leaderboard.boards.board import Board, Wanted, read_board
from benchmark_site.leaderboard.boards.version import standings, version
from benchmark_site.leaderboard.models import Comparison, Evaluation, State, Submission, Team, Track
from benchmark_site.leaderboard.scoring.compare import request_comparison
from benchmark_site.leaderboard.submissions.visibility import hide
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(api_client: ApiClient, track: Track, tmp_path: Path) -> list[Submission]:
    made = []
    for n in range(2):
        _, sent = api_client.post(track, small_file(tmp_path, text=str(n)), method=f"m{n}", public="on")
        made.append(Submission.objects.get(pk=sent["id"]))
    add_scores(made[0], {track.primary_metric: 30.0})
    return made


def test_a_page_that_has_not_changed_is_ranked_once(two: list[Submission], track: Track) -> None:
    browser, path = Client(), track.get_absolute_url()
    first = browser.get(path).content
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(path).content == first
    assert not [one for one in asked if '"leaderboard_score"."blind"' in one["sql"]]
    assert b"Nothing is like that" in browser.get(path + "?q=nobody").content
    assert b">m0<" in browser.get(path).content


def test_everything_that_a_page_shows_makes_it_anew(
    two: list[Submission], track: Track, django_user_model: Any
) -> None:
    def page(query: str = "?every=yes") -> str:
        return Client().get(track.get_absolute_url() + query).content.decode()

    assert ">m1<" not in page()
    add_scores(two[1], {track.primary_metric: 28.0})
    assert ">m1<" in page()
    Submission.objects.filter(pk=two[0].pk).update(method="renamed")
    assert ">renamed<" in page()
    Team.objects.update(name="Another name")
    assert "Another name" in page()
    assert page().count("<tbody>") == 1
    row = request_comparison(*(one.evaluation for one in two))
    Comparison.objects.filter(pk=row.pk).update(state=State.DONE, p=0.01, finished_at=timezone.now())
    assert page().count("<tbody>") == 2
    Track.objects.update(human_value=77.5)
    assert "77.50" in page()
    hide(Submission.objects.filter(pk=two[0].pk), "copied", django_user_model.objects.create_user("olga"))
    assert ">renamed<" not in page()
    Submission.objects.update(public=False)
    assert ">m1<" not in page()


def test_a_date_that_passes_makes_it_anew(tracks: dict[str, Track]) -> None:
    track = tracks["moment/test"]  # whose groups wait for it
    now = timezone.now()
    Track.objects.filter(pk=track.pk).update(closes_at=now + timedelta(hours=1))
    track.refresh_from_db()
    assert version(track, now) == version(track, now + timedelta(minutes=1))
    assert version(track, now) != version(track, now + timedelta(hours=8))  # uploads may take six


def test_what_was_made_while_the_board_changed_is_not_kept(
    two: list[Submission], track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept under the version before, it would come back with that version, which a state that comes back has again."""

    def page() -> str:
        return Client().get(track.get_absolute_url()).content.decode()

    def failed_meanwhile(track: Track, wanted: Wanted) -> Board:
        scoring.update(state=State.FAILED, error="of the test")
        return read_board(track, wanted)

    scoring = Evaluation.objects.filter(submission=two[0])
    before = version(track, timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr(kept, "read_board", failed_meanwhile)
        assert ">m0<" not in page()
    scoring.update(state=State.DONE, error="")
    assert version(track, timezone.now()) == before
    assert ">m0<" in page()


def test_a_track_and_the_version_of_its_board_are_read_at_one_moment(track: Track) -> None:
    with CaptureQueriesContext(connection) as asked:
        (standing,) = standings(Track.objects.filter(pk=track.pk), timezone.now())
        assert standing.track.release == track.release
    assert len(asked) == 1
    assert standing.version == version(track, timezone.now())


@pytest.mark.parametrize("row", [Submission, Team, Track])
def test_a_change_that_is_taken_back_is_another_version(two: list[Submission], track: Track, row: Any) -> None:
    before = version(track, timezone.now())
    row.objects.update(id=F("id"))
    assert version(track, timezone.now()) != before


def test_exports_and_badges_are_ranked_once(two: list[Submission], track: Track) -> None:
    exports = ("board.csv", "board.json", "board.tex", "board.bib", "sota.json")
    paths = [*(f"{track.get_absolute_url()}{name}?every" for name in exports), f"{two[0].get_absolute_url()}badge.svg"]
    first = [Client().get(path).content for path in paths]
    with CaptureQueriesContext(connection) as asked:
        assert [Client().get(path).content for path in paths] == first
    assert not [one for one in asked if '"leaderboard_score"."blind"' in one["sql"]]
    Submission.objects.filter(pk=two[0].pk).update(method="renamed")
    assert all(b"renamed" in Client().get(path).content for path in paths[:3])
