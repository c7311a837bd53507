"""Boards of releases whose test is in two halves by video, beside those whose parts are drawn item by item."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError

from annotation.models import Video
from benchmark_site.leaderboard.boards.tracks import create_tracks
from benchmark_site.leaderboard.models import Track
from benchmark_site.releases.models import Item, Release
from tests.leaderboard.conftest import freeze

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
PARTS = {"closes_at": NOW + timedelta(days=10), "reveals_at": NOW + timedelta(days=12)}


def opened(folder: Path, version: str, *, halves: bool) -> Track:
    """The board of hidden moments of a release that publishes item 1."""
    release = Release.objects.create(slug="demo", version=version, test_halves=halves)
    video, _ = Video.objects.get_or_create(public_id="v1")
    Item.objects.create(
        release=release, kind="moment", public_id=1, split="test", video=video, vid_name="v1_0_60",
        duration=60, start=1, end=2, text="one", type="v",
    )  # fmt: skip
    frozen = freeze(folder, "files", version)
    release.folder.parent.mkdir(exist_ok=True)
    frozen.folder.rename(release.folder)
    Release.objects.filter(pk=release.pk).update(
        state="frozen", step="done", sha256=frozen.sha256, frozen_at=frozen.frozen_at
    )
    release.refresh_from_db()
    return next(one for one in create_tracks(release) if (one.task, one.split) == ("moment", "test"))


def ask_for(track: Track, percent: int) -> None:
    track.public_percent, track.closes_at, track.reveals_at = percent, PARTS["closes_at"], PARTS["reveals_at"]
    track.full_clean()
    track.save()


def test_versions_with_halves_keep_the_same_ones(release_folder: Path) -> None:
    first = opened(release_folder, "1.0.0", halves=True)
    ask_for(first, 50)
    second = opened(release_folder, "1.1.0", halves=True)
    assert second.parts_by_video
    assert (second.public_percent, second.part_secret, second.reveals_at) == (50, first.part_secret, first.reveals_at)


@pytest.mark.parametrize("halves", [True, False])
def test_no_board_is_opened_whose_parts_would_cut_across_anothers(release_folder: Path, halves: bool) -> None:
    """An item of one board's private part would count on the other: a file sent to both tells its value."""
    ask_for(opened(release_folder, "1.0.0", halves=halves), 50)
    with pytest.raises(ValueError, match=r"demo/1\.0\.0/moment/test has the same hidden items"):
        opened(release_folder, "1.1.0", halves=not halves)


def test_parts_that_are_no_halves_are_drawn_by_items_on_either(release_folder: Path) -> None:
    ask_for(opened(release_folder, "1.0.0", halves=True), 30)
    second = opened(release_folder, "1.1.0", halves=False)
    assert (second.public_percent, second.parts_by_video) == (30, False)


@pytest.mark.parametrize("halves", [True, False])
def test_a_board_does_not_follow_into_parts_that_it_cannot_have(release_folder: Path, halves: bool) -> None:
    one, other = (opened(release_folder, f"1.{n}.0", halves=halves == bool(n)) for n in (0, 1))
    Track.objects.filter(pk=other.pk).update(closes_at=PARTS["closes_at"])  # else it follows nowhere
    with pytest.raises(ValidationError, match="has the same hidden items"):
        ask_for(one, 50)
    one.refresh_from_db()
    ask_for(one, 30)
    other.refresh_from_db()
    assert other.public_percent == 30
