"""Boards of several versions that publish the same hidden items: what one of them keeps, none of them tells."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from annotation.models import Video
from benchmark_site.leaderboard.boards.tracks import create_tracks
from benchmark_site.leaderboard.boards.version import version as board_version
from benchmark_site.leaderboard.models import Submission, Track
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD
from benchmark_site.releases.models import Item, Release
from tests.leaderboard.conftest import ApiClient, small_file

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
CLOSES, REVEALS = NOW + timedelta(days=10), NOW + timedelta(days=12)
PARTS = {"public_percent": 50, "closes_at": CLOSES, "reveals_at": REVEALS}


@pytest.fixture
def version(release_folder: Path, db: None) -> Callable[..., Release]:
    """`version("1.1.0", 2, 3)`: a frozen release that publishes these hidden moments."""

    def make(version: str, *ids: int) -> Release:
        release = Release.objects.create(slug="demo", version=version)
        video, _ = Video.objects.get_or_create(public_id="v1")
        for public_id in ids:
            Item.objects.create(
                release=release, kind="moment", public_id=public_id, split="test", video=video, vid_name="v1_0_60",
                duration=60, start=1, end=2, text=str(public_id), type="v",
            )  # fmt: skip
        shutil.copytree(release_folder, release.folder)
        sha256 = hashlib.sha256((release_folder / "MANIFEST.json").read_bytes()).hexdigest()
        release.state, release.step, release.sha256, release.frozen_at = Release.State.FROZEN, "done", sha256, NOW
        release.save()
        return release

    return make


def opened(release: Release) -> Track:
    """Its board of hidden moments."""
    return next(one for one in create_tracks(release) if (one.task, one.split) == ("moment", "test"))


def keep(track: Track) -> Track:
    Track.objects.filter(pk=track.pk).update(**PARTS, part_secret="of the test")
    return Track.objects.get(pk=track.pk)


def save(track: Track, **changes: Any) -> tuple[int, str]:
    """Post the form of the settings with these changes."""
    form = {
        name: getattr(track, name)
        for name in ("opens_at", "closes_at", "reveals_at", "per_day", "total", "finals", "primary_metric", "reveal",
                     "public_percent")
    } | changes  # fmt: skip
    said = {name: f"{value:%Y-%m-%dT%H:%M}" if isinstance(value, datetime) else value for name, value in form.items()}
    organiser = Client()
    organiser.force_login(User.objects.get_or_create(username="root", is_superuser=True, is_staff=True)[0])
    answer = organiser.post(
        f"{track.get_absolute_url()}settings/", {name: value for name, value in said.items() if value is not None}
    )
    return answer.status_code, answer.content.decode()


def two_boards(version: Callable[..., Release]) -> tuple[Track, Track]:
    """Of the same hidden items, dealt as in every run: of few items a share is often more or less than asked for."""
    first, second = opened(version("1.0.0", 1)), opened(version("1.1.0", 1))
    Track.objects.update(part_secret="of the test")
    return first, second


def parts_of(track: Track) -> tuple[int, datetime | None, str]:
    track.refresh_from_db()
    return track.public_percent, track.reveals_at, track.part_secret


def test_a_new_board_keeps_what_its_family_keeps(version: Callable[..., Release]) -> None:
    first = keep(opened(version("1.0.0", 1, 2)))
    second = opened(version("1.1.0", 2, 3))
    third = opened(version("2.0.0", 3))
    other = opened(version("3.0.0", 4))
    assert parts_of(second) == parts_of(third) == parts_of(first) == (50, REVEALS, "of the test")
    assert second.closes_at == third.closes_at == CLOSES
    assert (other.public_percent, other.reveals_at) == (100, None)


def test_a_new_board_ends_in_time_or_opens_at_the_reveal(version: Callable[..., Release]) -> None:
    keep(opened(version("1.0.0", 1)))
    with time_machine.travel(CLOSES + timedelta(hours=1), tick=False):
        second = opened(version("1.1.0", 1))
    assert (second.public_percent, second.closes_at) == (50, REVEALS - LONGEST_UPLOAD)
    with time_machine.travel(REVEALS - timedelta(hours=1), tick=False):
        third = opened(version("1.2.0", 1))
    assert (third.public_percent, third.opens_at, third.closes_at) == (100, REVEALS, None)
    with time_machine.travel(REVEALS, tick=False):
        fourth = opened(version("1.3.0", 1))
    assert (fourth.public_percent, fourth.opens_at) == (100, REVEALS)


def test_nobody_makes_a_board_with_other_parts(version: Callable[..., Release]) -> None:
    keep(opened(version("1.0.0", 1)))
    facts = {"task": "moment", "split": "test", "per_day": 1, "total": 1, "primary_metric": "VR.R@1"}
    with pytest.raises(ValidationError, match=r"1\.0\.0/moment/test has the same hidden items and shows 50 % of them"):
        Track.objects.create(release=version("1.1.0", 1), **facts, **(PARTS | {"public_percent": 30}))
    Track.objects.update(public_percent=100, reveals_at=None, closes_at=None)
    with pytest.raises(ValidationError, match="shows all of them"):
        Track.objects.create(release=version("1.2.0", 1), **facts, **PARTS)


def test_parts_are_set_for_the_family_together(version: Callable[..., Release]) -> None:
    first, second = two_boards(version)
    status, page = save(first, **PARTS)
    assert status == 400
    assert "1.1.0/moment/test has the same hidden items and shows all of them" in page
    Track.objects.filter(pk=second.pk).update(closes_at=CLOSES)
    assert save(first, **PARTS)[0] == 302
    assert parts_of(first) == parts_of(second)
    assert second.public_percent == 50
    later = REVEALS + timedelta(days=1)
    assert save(second, reveals_at=later)[0] == 302
    assert parts_of(first)[1] == later
    assert save(first, public_percent=100, reveals_at=None)[0] == 302
    assert parts_of(second)[:2] == (100, None)


def test_what_was_scored_is_dealt_no_other_way(
    version: Callable[..., Release], api_client: ApiClient, tmp_path: Path
) -> None:
    first, second = two_boards(version)
    assert api_client.post(second, small_file(tmp_path))[0] == 201
    Track.objects.filter(pk=second.pk).update(closes_at=CLOSES)
    assert "a file sent to both would tell its value on the private part" in save(first, **PARTS)[1]
    Submission.objects.update(dry_run=True, counts=False)
    assert save(first, **PARTS)[0] == 302


def test_a_board_that_is_closed_tells_nothing_more_unless_it_is_opened_again(version: Callable[..., Release]) -> None:
    first = opened(version("1.0.0", 1))
    Track.objects.update(opens_at=NOW - timedelta(days=9), closes_at=NOW - timedelta(days=1))
    first.refresh_from_db()
    second = keep(opened(version("1.1.0", 1)))
    assert save(first, human_value=50)[0] == 302
    assert save(first, late_entries="on")[0] == 400
    assert save(first, closes_at=CLOSES)[0] == 400
    assert save(second, finals=1)[0] == 302


def test_a_board_still_tells_while_uploads_that_began_in_time_may_come(
    version: Callable[..., Release], api_client: ApiClient, tmp_path: Path
) -> None:
    first, second = two_boards(version)
    assert api_client.post(second, small_file(tmp_path))[0] == 201  # so that it cannot follow
    for hours, status in ((5, 400), (6, 302)):
        closed = NOW - timedelta(hours=hours)
        Track.objects.filter(pk=second.pk).update(opens_at=closed - timedelta(days=1), closes_at=closed)
        with time_machine.travel(NOW, tick=False):
            assert save(first, **PARTS)[0] == status


def test_groups_are_told_where_no_board_of_the_same_items_takes_anything(version: Callable[..., Release]) -> None:
    first, second = two_boards(version)
    ended = {"opens_at": NOW - timedelta(days=9), "closes_at": NOW - LONGEST_UPLOAD}
    Track.objects.filter(pk=first.pk).update(**ended)
    first.refresh_from_db()
    assert not first.tells_groups(NOW)
    Track.objects.filter(pk=second.pk).update(**ended)
    assert first.tells_groups(NOW)
    before = board_version(first, NOW)
    Track.objects.filter(pk=second.pk).update(late_entries=True)
    assert not first.tells_groups(NOW)
    assert board_version(first, NOW) != before  # its pages are made anew, without groups
    Track.objects.filter(pk=second.pk).update(late_entries=False, closes_at=NOW - timedelta(hours=5))
    assert not first.tells_groups(NOW)
    assert opened(version("2.0.0", 2)).tells_groups(NOW) is False
