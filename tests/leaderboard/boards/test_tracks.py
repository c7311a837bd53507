"""Limits that follow from the size of a hidden split, and what an organiser is told and refused who changes a track."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.boards.tracks import create_tracks
from benchmark_site.leaderboard.models import Track
from evaluation.metrics import disclosure
from tests.evaluation.small_release import write_release
from tests.leaderboard.conftest import freeze, settings_form

pytestmark = pytest.mark.django_db


def save(organiser: Client, track: Track, **changes: Any) -> str:
    """Post the form of the settings with these changes; what the next page says."""
    path = f"{track.get_absolute_url()}settings/"
    return organiser.post(path, settings_form(track, **changes), follow=True).content.decode()


@pytest.mark.parametrize(("videos", "queries", "n"), [(5, 4, 20), (8, 4, 32), (25, 4, 100)])
def test_a_hidden_track_allows_what_its_published_rows_support(
    tmp_path: Path, videos: int, queries: int, n: int
) -> None:
    release = freeze(write_release(tmp_path / "release", videos=videos, queries=queries))
    limits = {(track.task, track.split): (track.per_day, track.total) for track in create_tracks(release)}
    for task in ("moment", "qa"):
        assert limits[task, "test"] == (2, disclosure.tries(n))
        assert limits[task, "val"] == (20, 500)
    assert {track.reveal for track in Track.objects.all()} == {"primary"}


def test_the_organiser_who_allows_more_is_told_what_it_lets_out(organiser: Client, tracks: dict[str, Track]) -> None:
    track = tracks["qa/test"]  # 32 questions, 11 values: 3.46 bits a value, 64 bits of truth
    assert "let out" not in save(organiser, track)
    page = save(organiser, track, total=20)
    assert "20 submissions of a person, each with 1 rounded values of 32 items, let out up to 69 bits" in page
    assert "32 answers of four options hold 64" in page
    moments = tracks["moment/test"]
    assert "each with 58 rounded values" in save(organiser, moments, reveal="metrics")
    assert "by groups and curves, more" in save(organiser, moments, reveal="report")
    assert "let out" not in save(organiser, tracks["qa/val"], total=1000)


def test_a_release_that_cannot_be_read_is_named(organiser: Client, tracks: dict[str, Track]) -> None:
    (tracks["qa/test"].release.folder / "MANIFEST.json").unlink()
    assert "could not be compared" in save(organiser, tracks["qa/test"])


@pytest.mark.parametrize("name", ["QA.acuracy", "VCMR.R@1.tiou0.7.nms0.5", "VR.median_rank", ""])
def test_a_primary_metric_is_one_of_its_tasks_own(organiser: Client, tracks: dict[str, Track], name: str) -> None:
    page = save(organiser, tracks["qa/val"], primary_metric=name)
    assert "errorlist" in page
    assert Track.objects.get(pk=tracks["qa/val"].pk).primary_metric == "QA.accuracy"


@pytest.mark.parametrize(
    ("opens", "closes", "state"),
    [(1, None, "opens 2"), (-1, None, "open"), (-1, 1, "open until 2"), (-2, -1, "closed since 2"), (1, 2, "opens 2")],
)
def test_what_is_not_yet_open_is_not_called_closed(
    member: Client, track: Track, opens: int, closes: int | None, state: str
) -> None:
    now = timezone.now()
    dates = {"opens_at": now + timedelta(days=opens), "closes_at": closes and now + timedelta(days=closes)}
    Track.objects.filter(pk=track.pk).update(**dates)
    track.refresh_from_db()
    assert track.state(now).startswith(state)
    row = f"<td>{track.state(now)}"
    assert row in Client().get("/boards/").content.decode()
    for path in (track.get_absolute_url(), track.get_absolute_url() + "submit/"):
        page = member.get(path).content.decode()
        assert ("closed since" in page) == state.startswith("closed")
        assert ("opens 2" in page) == state.startswith("opens")


def test_questions_of_five_options_hold_more(organiser: Client, tmp_path: Path) -> None:
    release = freeze(write_release(tmp_path / "five", options=5), "tvqa", option_count=5)
    (track,) = (track for track in create_tracks(release) if (track.task, track.split) == ("qa", "test"))
    assert "32 answers of five options hold 74" in save(organiser, track, total=20)
