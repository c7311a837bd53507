"""What was sent before people were counted is counted for the people who know its result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from benchmark_site.releases.models import Release


@pytest.fixture
def before_disclosure(transactional_db: None) -> Iterator[MigrationExecutor]:
    """The tables as they were before; afterwards as they are."""
    MigrationExecutor(connection).migrate([("leaderboard", "0001_initial")])
    yield MigrationExecutor(connection)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_members_and_senders_of_old_submissions_are_remembered(before_disclosure: MigrationExecutor) -> None:
    apps = before_disclosure.loader.project_state([("leaderboard", "0001_initial")]).apps
    ada, eve = (User.objects.create_user(name).pk for name in ("ada", "eve"))
    release = Release.objects.create(slug="demo", version="1.0.0")
    track = apps.get_model("leaderboard", "Track").objects.create(
        release_id=release.pk, task="qa", split="test", per_day=1, total=1, primary_metric="QA.accuracy"
    )
    team = apps.get_model("leaderboard", "Team").objects.create(name="A")
    apps.get_model("leaderboard", "Membership").objects.create(team=team, user_id=ada)
    for sender in (eve, None):  # eve has left the team; another sender has no account any more
        apps.get_model("leaderboard", "Submission").objects.create(
            team=team, track=track, created_by_id=sender, method="old", file="f", size=1, counts=sender is not None,
            sha256="0" * 64, created_at=timezone.now(),
        )  # fmt: skip
    then = MigrationExecutor(connection).migrate([("leaderboard", "0002_disclosure")]).apps
    sent = then.get_model("leaderboard", "Submission").objects.all()  # as it was then: later columns are not there yet
    people = {one.created_by_id: set(one.people.values_list("pk", flat=True)) for one in sent}
    assert people == {eve: {ada, eve}, None: {ada}}


@pytest.mark.parametrize(("closes", "moved"), [(1, True), (-7, True), (-5, False)])
def test_a_reveal_is_moved_to_when_no_upload_is_on_its_way_any_more(
    transactional_db: None, closes: int, moved: bool
) -> None:
    """In hours from now. One that has come meanwhile stays, and the migration waits."""
    last = MigrationExecutor(connection).loader.graph.leaf_nodes()
    MigrationExecutor(connection).migrate([("leaderboard", "0014_comparison_asked_by")])
    apps = MigrationExecutor(connection).loader.project_state([("leaderboard", "0014_comparison_asked_by")]).apps
    release = Release.objects.create(slug="demo", version="1.0.0")
    end = timezone.now() + timedelta(hours=closes)
    tracks = apps.get_model("leaderboard", "Track").objects
    track = tracks.create(
        release_id=release.pk, task="qa", split="test", per_day=1, total=1, primary_metric="QA.accuracy",
        opens_at=end - timedelta(days=1), closes_at=end, reveals_at=end, public_percent=50,
    )  # fmt: skip
    try:
        with nullcontext() if moved else pytest.raises(IntegrityError, match="track_private_part_is_revealed"):
            MigrationExecutor(connection).migrate(last)
        found = tracks.get(pk=track.pk).reveals_at - end
        assert found == (timedelta(hours=6) if moved else timedelta(0))
    finally:
        tracks.all().delete()
        MigrationExecutor(connection).migrate(last)
