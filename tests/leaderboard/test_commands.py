from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from benchmark_site.leaderboard.boards.tracks import create_tracks, open_boards
from benchmark_site.leaderboard.models import Membership, State, Team, Track, TrainingRun
from benchmark_site.leaderboard.teams.tokens import authenticate
from benchmark_site.leaderboard.training.baselines import start_baselines
from benchmark_site.releases.models import Release

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_create_token_prints_a_token_that_works() -> None:
    User.objects.create_user("ada")
    found = authenticate(said("create_token", "ada").strip())
    assert found is not None
    assert found.membership.team.name == "ada"
    again = authenticate(said("create_token", "ada", "--label", "laptop").strip())
    assert again is not None
    assert (again.membership, again.label) == (found.membership, "laptop")


def test_create_token_asks_which_team() -> None:
    user = User.objects.create_user("ada")
    for name in ("One", "Two"):
        Membership.objects.create(team=Team.objects.create(name=name), user=user)
    with pytest.raises(CommandError, match=r"--team \('One', 'Two'\)"):
        said("create_token", "ada")
    found = authenticate(said("create_token", "ada", "--team", "two").strip())
    assert found is not None
    assert found.membership.team.name == "Two"
    assert Team.objects.count() == 2


def test_create_token_refuses_unknown_users_and_odd_names() -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        said("create_token", "nobody")
    User.objects.create_user("ada")
    with pytest.raises(CommandError, match="cannot be seen"):
        said("create_token", "ada", "--team", "a\u202eb")
    assert not Team.objects.exists()


def test_open_boards_opens_four_and_repeats_harmlessly(release: Release) -> None:
    assert said("open_boards", "demo", "1.0.0").count("demo/1.0.0/") == 4
    Track.objects.filter(task="qa").update(per_day=3)
    said("open_boards", "demo", "1.0.0")
    assert Track.objects.count() == 4
    assert set(Track.objects.filter(task="qa").values_list("per_day", flat=True)) == {3}


def test_boards_open_for_frozen_releases_only(db: None) -> None:
    building = Release.objects.create(slug="young", version="0.1.0")
    with pytest.raises(ValueError, match="frozen"):
        create_tracks(building)
    with pytest.raises(ValueError, match="frozen"):
        start_baselines(building.pk)
    for command in ("open_boards", "train_baselines"):
        with pytest.raises(CommandError, match="being built"):
            said(command, "young", "0.1.0")
        with pytest.raises(CommandError, match=r"no release old 1\.0\.0; there are: young 0\.1\.0"):
            said(command, "old", "1.0.0")
    assert not TrainingRun.objects.exists()


def test_train_baselines_queues_one_run(release: Release) -> None:
    assert "waiting" in said("train_baselines", "demo", "1.0.0")
    run = TrainingRun.objects.get()
    assert start_baselines(release.pk) == run
    run.end(State.DONE)
    assert start_baselines(release.pk) == run
    run.state, run.error = State.FAILED, "why"
    run.save()
    assert start_baselines(release.pk) != run


def test_the_database_keeps_tracks_and_runs_honest(release: Release) -> None:
    track = open_boards(release.pk)[0]
    now = timezone.now()
    for changes, name in (
        ({"task": "song"}, "track_task_is_known|track_primary_metric|track_columns"),  # whichever is looked at first
        ({"primary_metric": "QA.acuracy"}, "track_primary_metric_is_one_of_its_task"),
        ({"primary_metric": "QA.accuracy"}, "track_primary_metric_is_one_of_its_task"),
        ({"primary_metric": "VR.median_rank"}, "track_primary_metric_is_one_of_its_task"),
        ({"reveal": "all"}, "track_reveal_is_known"),
        ({"per_day": 0}, "track_limits_are_positive"),
        ({"opens_at": now, "closes_at": now - timedelta(days=1)}, "track_closes_after_it_opens"),
        ({"split": "test"}, "track_once"),
    ):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            Track.objects.filter(pk=track.pk).update(**changes)
    TrainingRun.objects.create(release=release)
    with pytest.raises(IntegrityError, match="trainingrun_once"), transaction.atomic():
        TrainingRun.objects.create(release=release)
