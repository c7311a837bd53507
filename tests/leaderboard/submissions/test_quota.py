"""Tries are counted by person, whatever the teams are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from annotation.models import Video
from benchmark_site.leaderboard.models import Evaluation, Membership, State, Submission, Team, Track
from benchmark_site.leaderboard.scoring.score import rescore_all
from benchmark_site.leaderboard.submissions.quota import quota
from benchmark_site.leaderboard.submissions.submit import MOST_UNDER_WAY
from benchmark_site.releases.models import Item, Release
from tests.leaderboard.conftest import add_scores, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(track: Track, tmp_path: Path) -> Callable[..., tuple[int, Any]]:
    """Each call sends another file."""
    count = iter(range(100))
    return lambda api_client: api_client.post(track, small_file(tmp_path, text=str(next(count))))


def refusal(answer: tuple[int, Any]) -> dict[str, Any]:
    assert answer[0] == 429, answer
    return dict(answer[1]["errors"][0])


def test_a_person_has_one_quota_over_all_teams(api_client_of: Any, send: Any) -> None:
    Track.objects.update(total=2)
    first, second, third = (api_client_of(name, "ada") for name in "ABC")
    assert [send(api_client)[0] for api_client in (first, second)] == [201, 201]
    error = refusal(send(third))
    assert (error["code"], error["person"], error["teams"]) == ("quota_total", "ada", ["A", "B"])
    assert error["message"] == "all 2 submissions of ada, sent for A, B, are used"
    assert send(api_client_of("D", "eve"))[0] == 201


def test_the_day_counts_by_person_too_and_names_the_next_slot(api_client_of: Any, send: Any) -> None:
    Track.objects.update(per_day=2)
    with time_machine.travel("2026-03-01 10:00:00Z", tick=False):
        Track.objects.update(opens_at=timezone.now())
        send(api_client_of("A", "ada"))
    with time_machine.travel("2026-03-01 15:00:00Z", tick=False):
        send(api_client_of("B", "ada"))
        error = refusal(send(api_client_of("C", "ada")))
        assert (error["code"], error["next_slot"]) == ("quota_day", "2026-03-02T10:00:00+00:00")
        assert "2 of 2 submissions of ada, sent for A, B, in 24 hours are used" in error["message"]
    with time_machine.travel("2026-03-02 10:00:00Z", tick=False):
        assert send(api_client_of("C", "ada"))[0] == 201


@pytest.mark.parametrize(("per_day", "slot"), [(3, "10:00"), (2, "12:00"), (1, "15:00")])
def test_the_next_slot_opens_when_enough_of_the_day_has_left_the_window(
    api_client_of: Any, send: Any, per_day: int, slot: str
) -> None:
    """Three were sent before the limit was lowered: with a limit of one the last of them must be a day old."""
    for hour in ("10", "12", "15"):
        with time_machine.travel(f"2026-03-01 {hour}:00:00Z", tick=False):
            Track.objects.filter(opens_at__gt=timezone.now()).update(opens_at=timezone.now())
            assert send(api_client_of("A", "ada"))[0] == 201
    Track.objects.update(per_day=per_day)
    with time_machine.travel("2026-03-01 16:00:00Z", tick=False):
        assert refusal(send(api_client_of("A", "ada")))["next_slot"] == f"2026-03-02T{slot}:00+00:00"
    with time_machine.travel(f"2026-03-02 {slot}:00Z", tick=False):
        assert send(api_client_of("A", "ada"))[0] == 201


def test_a_submission_needs_a_free_try_of_every_member(api_client_of: Any, send: Any) -> None:
    Track.objects.update(total=1)
    send(api_client_of("A", "ada"))
    error = refusal(send(api_client_of("Both", "eve", "ada")))
    assert (error["person"], error["teams"]) == ("ada", ["A"])
    assert send(api_client_of("E", "eve"))[0] == 201  # eve herself has learnt nothing yet


def test_who_joins_a_team_has_used_its_tries_and_keeps_them_on_leaving(api_client_of: Any, send: Any) -> None:
    Track.objects.update(total=1)
    api_client = api_client_of("A", "ada")
    eve = api_client_of("E", "eve")
    send(api_client)
    api_client_of("A", "ada", "eve")
    assert refusal(send(eve))["person"] == "eve"
    Membership.objects.filter(team__name="A", user__username="ada").delete()
    assert refusal(send(api_client_of("New", "ada")))["person"] == "ada"
    # who came later has read the result, and leaving does not unlearn it
    Membership.objects.filter(team__name="A", user__username="eve").delete()
    assert refusal(send(eve))["person"] == "eve"
    assert set(Submission.objects.get().people.values_list("username", flat=True)) == {"ada", "eve"}


def test_pages_and_api_tell_the_quota_that_holds(api_client_of: Any, send: Any, track: Track) -> None:
    Track.objects.update(total=3)
    send(api_client_of("A", "ada"))
    both = api_client_of("Both", "eve", "ada")
    told = next(one for one in both.get("tracks")[1] if one["track"] == track.path)["quota"]
    assert (told["left"], told["used_total"], told["person"], told["teams"]) == (2, 1, "ada", ["A"])
    browser = Client()
    browser.force_login(User.objects.get(username="eve"))
    for path in ("/submissions/", track.get_absolute_url() + "submit/"):
        page = browser.get(path).content.decode()
        assert "ada" in page
    assert "2 left for ada, used for A" in page


def test_the_same_file_from_teams_that_share_a_person_is_one_submission(
    api_client_of: Any, track: Track, tmp_path: Path
) -> None:
    file = small_file(tmp_path)
    sent = api_client_of("A", "ada").post(track, file)[1]
    status, answer = api_client_of("Both", "eve", "ada").post(track, file)
    (error,) = answer["errors"]
    assert (status, error["code"], error["submission"]) == (409, "duplicate", sent["id"])
    assert "of A" in error["message"]
    assert (
        api_client_of("E", "eve").post(track, file)[0] == 201
    )  # strangers share nothing, and learn nothing of the first


def test_baselines_have_no_limit_and_use_up_nobodys(api_client_of: Any, send: Any) -> None:
    Track.objects.update(total=1, per_day=1)
    base = api_client_of("Base", "ada")
    Team.objects.update(baseline=True)
    assert [send(base)[0] for _ in range(3)] == [201, 201, 201]
    assert send(api_client_of("A", "ada"))[0] == 201
    assert refusal(send(api_client_of("A", "ada")))["teams"] == ["A"]


def test_versions_that_publish_the_same_hidden_items_share_the_tries() -> None:
    """The second version's board would otherwise double what a person may learn of one truth."""
    video = Video.objects.create(public_id="v1")
    tracks = []
    for version, ids in (("1.0.0", (1, 2)), ("1.1.0", (2, 3)), ("2.0.0", (4,))):
        release = Release.objects.create(slug="demo", version=version)
        for public_id in ids:
            Item.objects.create(
                release=release, kind="moment", public_id=public_id, split="test", video=video, vid_name="v1_0_60",
                duration=60, start=1, end=2, text=str(public_id), type="v",
            )  # fmt: skip
        tracks += [
            Track.objects.create(
                release=release, task="moment", split=split, per_day=5, total=5, primary_metric="VR.R@1"
            )
            for split in ("test", "val")
        ]
    first, first_val, second, second_val, third, _ = tracks
    assert set(first.kin()) == set(second.kin()) == {first, second}
    assert set(third.kin()) == {third}
    assert set(first_val.kin()) == {first_val}
    assert second_val not in first_val.kin()
    ada = User.objects.create(username="ada")
    team = Team.objects.create(name="A")
    team.members.add(ada)
    Submission.objects.create(
        team=team,
        track=first,
        created_by=ada,
        method="m",
        file="m.json",
        sha256="0" * 64,
        size=1,
        created_at=timezone.now(),
    )
    assert [quota(team, track, timezone.now()).used_total for track in (first, second, third, second_val)] == [
        1,
        1,
        0,
        0,
    ]


def test_a_person_has_few_submissions_under_way_on_all_boards(
    api_client_of: Any, tracks: dict[str, Track], tmp_path: Path
) -> None:
    first, second = api_client_of("A", "ada"), api_client_of("B", "ada", "eve")
    boards = [tracks["moment/val"], tracks["qa/val"]]
    for n in range(MOST_UNDER_WAY):
        fields = {"dry_run": "true"} if n == 0 else {}
        assert first.post(boards[n % 2], small_file(tmp_path, text=str(n)), **fields)[0] == 201
    file = small_file(tmp_path, text="one more")
    for api_client, fields in ((first, {}), (second, {}), (first, {"dry_run": "true"})):
        error = refusal(api_client.post(boards[0], file, **fields))
        assert error["code"] == "under_way"
        assert error["message"].startswith(f"{MOST_UNDER_WAY} submissions of ada, dry runs included,")
    assert api_client_of("E", "eve").post(boards[0], file)[0] == 201  # nobody waits for others' submissions
    Evaluation.objects.filter(submission__dry_run=True).latest("pk").end(State.CANCELLED)
    assert second.post(boards[0], small_file(tmp_path, text="another"))[0] == 201


def test_what_an_organiser_has_scored_again_keeps_nobody_from_submitting(
    api_client_of: Any, send: Any, track: Track
) -> None:
    api_client = api_client_of("A", "ada")
    for _ in range(MOST_UNDER_WAY):
        sent = send(api_client)[1]
        add_scores(Submission.objects.get(pk=sent["id"]), {track.primary_metric: 30.0})
    Evaluation.objects.update(evaluator_version="0")
    assert rescore_all(track) == MOST_UNDER_WAY
    assert send(api_client)[0] == 201


def test_baselines_may_come_all_at_once(api_client_of: Any, send: Any) -> None:
    base = api_client_of("Base", "ada")
    Team.objects.update(baseline=True)
    assert {send(base)[0] for _ in range(MOST_UNDER_WAY + 1)} == {201}
    assert send(api_client_of("A", "ada"))[0] == 201


def test_what_is_left_is_counted_for_one_page_of_tracks(
    api_client_of: Any, track: Track, django_assert_max_num_queries: Any
) -> None:
    for name in "ABC":
        api_client_of(name, "ada")
    for number in range(12):
        release = Release.objects.create(slug="more", version=f"1.{number}.0")
        Track.objects.create(release=release, task="moment", split="val", per_day=5, total=5, primary_metric="VR.R@1")
    browser = Client()
    browser.force_login(User.objects.get(username="ada"))
    with django_assert_max_num_queries(30):
        first = browser.get("/submissions/?page=1").content.decode()
    assert first.count("/submit/") == 10 * 3
    assert 'href="?page=1&amp;tracks=2"' in first
    second = browser.get("/submissions/?page=1&tracks=2").content.decode()
    assert second.count("/submit/") == (Track.objects.count() - 10) * 3
