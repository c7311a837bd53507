"""The settings of a board by choices, times in the organiser's zone, people let in one by one, limits of a team."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.boards.board import Wanted, read_board
from benchmark_site.leaderboard.models import (
    Comparison,
    Membership,
    Participant,
    Score,
    State,
    Submission,
    Task,
    Team,
    Track,
)
from benchmark_site.leaderboard.models.tracks import METRICS
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.leaderboard.boards.test_compare import with_values
from tests.leaderboard.conftest import ApiClient, settings_form, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def hidden(tracks: dict[str, Track]) -> Track:
    """With parts dealt the same way in every run: of few items a share is often more or less than asked for."""
    Track.objects.filter(pk=tracks["qa/test"].pk).update(part_secret="of the test")
    return Track.objects.get(pk=tracks["qa/test"].pk)


def save(organiser: Client, track: Track, **changes: Any) -> Any:
    return organiser.post(f"{track.get_absolute_url()}settings/", settings_form(track, **changes))


def test_another_primary_metric_tells_rows_apart_by_itself(
    organiser: Client, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    """The paired test is made by the primary metric, and says nothing of rows that are ranked by another."""
    first, second = with_values(api_client, track, tmp_path, 50.0, 48.0)
    made = {"first": first, "second": second, "p": 0.001, "state": State.DONE, "finished_at": timezone.now()}
    Comparison.objects.create(**made)
    assert [row.group for row in read_board(track, Wanted(every=True)).rows] == [1, 2]
    other = next(key for key in METRICS[Task.MOMENT] if key != track.primary_metric)
    for submission in Submission.objects.all():
        Score.objects.create(evaluation=submission.evaluation, key=other, value=30.0, low=20.0, high=40.0, n=32)
    assert save(organiser, track, per_day=19).status_code == 302
    assert Comparison.objects.exists()
    assert save(organiser, track, primary_metric=other).status_code == 302
    track.refresh_from_db()
    assert [row.group for row in read_board(track, Wanted(every=True)).rows] == [1, 1]
    assert not Comparison.objects.exists()


PARTS = {"public_percent": 50, "closes_at": "2027-01-01T10:00", "reveals_at": "2027-01-02T10:00"}


def test_times_are_read_in_the_zone_that_was_chosen(organiser: Client, hidden: Track) -> None:
    assert save(organiser, hidden, zone="Asia/Tokyo", **PARTS).status_code == 302
    hidden.refresh_from_db()
    assert hidden.closes_at == datetime(2027, 1, 1, 1, tzinfo=UTC)
    page = organiser.get(f"{hidden.get_absolute_url()}settings/?zone=Asia/Tokyo").content.decode()
    assert 'value="2027-01-01T10:00"' in page
    assert 'value="2027-01-01T01:00"' in organiser.get(f"{hidden.get_absolute_url()}settings/").content.decode()
    with time_machine.travel(datetime(2026, 12, 31, 1, tzinfo=UTC), tick=False):
        board = Client().get(hidden.get_absolute_url()).content.decode()
    assert "open until 2027-01-01 01:00 UTC" in board
    assert re.search(r"closes in 1\sday", board)
    assert "50 % of the split" in board


def test_what_is_no_field_of_the_form_is_in_utc_whatever_zone_was_chosen(organiser: Client, hidden: Track) -> None:
    assert save(organiser, hidden, zone="Asia/Tokyo", **PARTS).status_code == 302
    asked = Participant.objects.create(track=hidden, user=User.objects.create_user("eve"), about="of a lab")
    Participant.objects.filter(pk=asked.pk).update(asked_at=datetime(2026, 12, 30, 20, tzinfo=UTC))
    with time_machine.travel(datetime(2026, 12, 31, 1, tzinfo=UTC), tick=False):
        organiser.force_login(User.objects.get(username="olga"))  # whose session has ended by then
        page = organiser.get(f"{hidden.get_absolute_url()}settings/?zone=Asia/Tokyo").content.decode()
    assert "closes 2027-01-01 01:00 UTC, in" in page
    assert "<td>2026-12-30 20:00</td>" in page


def test_what_can_be_chosen_is_listed(organiser: Client, tracks: dict[str, Track]) -> None:
    page = organiser.get(f"{tracks['moment/val'].get_absolute_url()}settings/").content.decode()
    assert len(re.findall(r'<option value="VCMR\.', page)) > 10
    assert "QA.accuracy" not in page
    assert "public_percent" not in page  # the truth of val is public
    assert "public_percent" in organiser.get(f"{tracks['qa/test'].get_absolute_url()}settings/").content.decode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({**PARTS, "reveals_at": ""}, "at least 6 hours after the end"),
        ({**PARTS, "reveals_at": "2027-01-01T12:00"}, "at least 6 hours after the end"),
        ({**PARTS, "closes_at": ""}, "expected the end"),
        ({**PARTS, "public_percent": 20}, "expected at least 10 in each"),
        ({"reveals_at": "2027-01-02T10:00"}, "there is no private part"),
        ({"zone": "Mars/Olympus", "opens_at": "soon"}, "Enter a valid date/time"),
        ({"primary_metric": "QA.acuracy"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    organiser: Client, hidden: Track, changes: dict[str, Any], said: str
) -> None:
    answer = save(organiser, hidden, **changes)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert Track.objects.get(pk=hidden.pk).public_percent == 100


def test_parts_stay_once_something_was_sent_and_dates_once_they_have_decided(
    organiser: Client, hidden: Track, api_client: ApiClient, tmp_path: Path
) -> None:
    save(organiser, hidden, **PARTS)
    hidden.refresh_from_db()
    with time_machine.travel(datetime(2026, 12, 1, tzinfo=UTC), tick=False):
        assert api_client.post(hidden, small_file(tmp_path))[0] == 201
        save(organiser, hidden, **(PARTS | {"public_percent": 30, "reveals_at": "2027-01-03T10:00"}))
        hidden.refresh_from_db()
        assert (hidden.public_percent, hidden.reveals_at.day) == (50, 3)  # type: ignore[union-attr]
    with time_machine.travel(datetime(2027, 2, 1, tzinfo=UTC), tick=False):
        save(organiser, hidden, **(PARTS | {"closes_at": "2028-01-01T10:00", "reveals_at": "2028-01-03T10:00"}))
        hidden.refresh_from_db()
        assert (hidden.closes_at.year, hidden.reveals_at.day) == (2027, 3)  # type: ignore[union-attr]


def test_everybody_in_a_team_must_have_been_let_in(
    organiser: Client, member: Client, membership: Membership, track: Track, api_client: ApiClient, tmp_path: Path
) -> None:
    save(organiser, track, needs_approval="on")
    other = User.objects.create_user("bob")
    Membership.objects.create(team=membership.team, user=other)
    status, refused = api_client.post(track, small_file(tmp_path))
    assert (status, refused["errors"][0]["code"]) == (403, "not_let_in")
    assert "ada, bob" in refused["errors"][0]["message"]
    member.post(f"{track.get_absolute_url()}join/", {"about": "a student"})
    member.post(f"{track.get_absolute_url()}join/", {"about": "somebody else"})
    asked = Participant.objects.get()
    assert (asked.about, asked.user) == ("a student", membership.user)
    assert "waiting for an organiser" in member.get(track.get_absolute_url()).content.decode()
    organiser.post(f"/participants/{asked.pk}/", {"let_in": "yes"})
    assert "not yet let in bob:" in api_client.post(track, small_file(tmp_path))[1]["errors"][0]["message"]
    Participant.objects.create(track=track, user=other, about="b", state=Participant.State.IN)
    assert api_client.post(track, small_file(tmp_path))[0] == 201
    organiser.post(f"/participants/{asked.pk}/", {"let_in": "no"})
    assert api_client.post(track, small_file(tmp_path, text="[]"))[0] == 403


@pytest.mark.parametrize(
    ("about", "said"),
    [("a \u202e student", "cannot be seen"), ("a\nstudent", "cannot be seen"), ("  ", "Say in a line who you are."),
     ("x" * 301, "at most 300 characters")],
)  # fmt: skip
def test_what_one_says_of_oneself_is_checked_as_the_column_has_it(
    member: Client, track: Track, about: str, said: str
) -> None:
    answer = member.post(f"{track.get_absolute_url()}join/", {"about": about}, follow=True)
    assert said in answer.content.decode()
    assert not Participant.objects.exists()


def test_a_team_may_have_a_limit_of_its_own(
    organiser: Client, track: Track, api_client: ApiClient, tmp_path: Path
) -> None:
    save(organiser, track, team_per_day=2)
    codes = [api_client.post(track, small_file(tmp_path, text=str(n))) for n in range(3)]
    assert [status for status, _ in codes] == [201, 201, 429]
    error = codes[-1][1]["errors"][0]
    assert (error["code"], error["person"]) == ("quota_day", "")
    assert "2 of 2 submissions of the team, sent for Analytical," in error["message"]
    save(organiser, track, team_total=2)
    assert api_client.post(track, small_file(tmp_path, text="4"))[1]["errors"][0]["code"] == "quota_total"
    save(organiser, track)
    assert api_client.post(track, small_file(tmp_path, text="4"))[0] == 201


def test_settings_are_for_those_who_run_the_board(member: Client, track: Track) -> None:
    assert member.get(f"{track.get_absolute_url()}settings/").status_code == 403
    assert save(member, track, total=1).status_code == 403


def test_a_second_team_of_a_person_is_no_second_limit_of_a_team(
    organiser: Client, track: Track, membership: Membership, api_client: ApiClient, tmp_path: Path
) -> None:
    save(organiser, track, team_total=1)
    again = Membership.objects.create(team=Team.objects.create(name="Again"), user=membership.user)
    other = Membership.objects.create(team=again.team, user=User.objects.create_user("bob"))
    apart = Membership.objects.create(team=Team.objects.create(name="Apart"), user=other.user)
    assert api_client.post(track, small_file(tmp_path, text="1"))[0] == 201
    status, refused = ApiClient(create_token(again)).post(track, small_file(tmp_path, text="2"))
    assert (status, refused["errors"][0]["code"]) == (429, "quota_total")
    assert "all 1 submissions of the team, sent for Analytical, are used" in refused["errors"][0]["message"]
    assert ApiClient(create_token(apart)).post(track, small_file(tmp_path, text="3"))[0] == 201  # shares nobody with it


def test_a_limit_that_a_team_has_not_is_as_much_as_its_people_may(
    organiser: Client, track: Track, membership: Membership, api_client: ApiClient, tmp_path: Path
) -> None:
    save(organiser, track, per_day=2, team_total=9)
    bob = User.objects.create_user("bob")
    alone = Membership.objects.create(team=Team.objects.create(name="Alone"), user=bob)
    Membership.objects.create(team=membership.team, user=bob)
    assert ApiClient(create_token(alone)).post(track, small_file(tmp_path, text="1"))[0] == 201
    ada = Membership.objects.create(team=Team.objects.create(name="Hers"), user=membership.user)
    assert ApiClient(create_token(ada)).post(track, small_file(tmp_path, text="2"))[0] == 201
    assert api_client.post(track, small_file(tmp_path, text="3"))[0] == 201  # each has one of two left
