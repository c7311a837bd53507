"""The home page and the page of a release: who leads, and to a participant what is theirs, by few queries."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmark_site.leaderboard.boards.board import leading
from benchmark_site.leaderboard.models import Evaluation, Membership, State, Submission, Team, Track
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


def send(track: Track, team: str, method: str, value: float | None, folder: Path, **fields: str) -> Submission:
    """A public submission of a team, with this value of the primary metric if one is given."""
    user, _ = User.objects.get_or_create(username=f"of {team}")
    row, _ = Team.objects.get_or_create(name=team)
    membership, _ = Membership.objects.get_or_create(team=row, user=user)
    fields = {"public": "true", **fields}
    status, sent = ApiClient(create_token(membership)).post(
        track, small_file(folder, text=f"{track} {method}"), method=method, **fields
    )
    assert status == 201, sent
    made = Submission.objects.get(pk=sent["id"])
    if value is not None:
        add_scores(made, {track.primary_metric: value})
    return made


def boards_of(page: str) -> str:
    return page[page.index('aria-label="Who leads the boards"') :]


def test_the_leaders_of_the_open_boards_stand_on_the_home_page_and_on_their_release(
    tracks: dict[str, Track], tmp_path: Path
) -> None:
    val, qa, closed = tracks["moment/val"], tracks["qa/val"], tracks["moment/test"]
    send(val, "A", "the best of all", 44.0, tmp_path)
    send(val, "B", "the second", 33.0, tmp_path)
    baseline = send(val, "Base", "a blind one", 12.25, tmp_path)
    Submission.objects.filter(pk=baseline.pk).update(baseline=True)
    send(val, "C", "unseen", 99.0, tmp_path, public="false")
    send(val, "D", "unscored", None, tmp_path)
    send(closed, "A", "of a closed board", 50.0, tmp_path)
    now = timezone.now()
    Track.objects.filter(pk=closed.pk).update(opens_at=now - timedelta(days=2), closes_at=now - timedelta(days=1))
    Submission.objects.filter(track=closed).update(began_at=now - timedelta(days=1, hours=1))
    Track.objects.filter(pk=qa.pk).update(opens_at=now + timedelta(days=1))
    home, release = (Client().get(path).content.decode() for path in ("/", val.release.get_absolute_url()))
    for page in (home, release):
        part = boards_of(page)
        for shown in ("the best of all", "44.00 %", "39.00–49.00", "Best baseline", "a blind one</a>, 12.25 %"):
            assert shown in part
        for not_there in ("the second", "unseen", "unscored"):
            assert not_there not in part
    assert "of a closed board" not in home
    assert qa.get_absolute_url() not in home
    assert "of a closed board" in release
    assert boards_of(release).count("Nobody yet.") == 2


def test_on_a_hidden_split_the_leader_follows_from_what_is_shown(tracks: dict[str, Track], tmp_path: Path) -> None:
    track = tracks["moment/test"]
    send(track, "A", "first of two that are shown equal", 41.0, tmp_path)
    send(track, "B", "better by less than is shown", 42.0, tmp_path)
    (found,) = leading(track, timezone.now())
    assert found.method == "first of two that are shown equal"
    part = boards_of(Client().get("/").content.decode())
    assert (">40 %<" in part, "41" in part.replace(found.submission, "")) == (True, False)


def test_before_the_reveal_the_public_part_leads_and_after_it_the_private_one(
    tracks: dict[str, Track], tmp_path: Path
) -> None:
    track, soon = tracks["qa/test"], timezone.now() + timedelta(days=1)
    Track.objects.filter(pk=track.pk).update(public_percent=50, closes_at=soon - LONGEST_UPLOAD, reveals_at=soon)
    track.refresh_from_db()
    for team, public, private in (("A", 80.0, 20.0), ("B", 40.0, 60.0)):
        made = send(track, team, f"of {team}", public, tmp_path)
        fields = {"key": track.primary_metric, "low": 0.0, "high": 100.0, "n": 16}
        made.evaluation.private_scores.create(value=private, **fields)
    assert leading(track, timezone.now())[0].method == "of A"
    assert leading(track, soon)[0].method == "of B"


def test_a_board_that_changes_has_another_leader_at_once(track: Track, tmp_path: Path) -> None:
    first = send(track, "A", "the first", 20.0, tmp_path)
    assert "the first" in boards_of(Client().get("/").content.decode())
    send(track, "B", "the new one", 30.0, tmp_path)
    assert "the new one" in boards_of(Client().get("/").content.decode())
    Submission.objects.exclude(pk=first.pk).update(public=False)
    assert "the first" in boards_of(Client().get("/").content.decode())


def test_a_participant_sees_the_latest_submissions_and_the_tries(
    member: Client, membership: Membership, api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path
) -> None:
    track = tracks["qa/val"]
    assert "choose a board below" in member.get("/").content.decode()
    Track.objects.filter(pk=track.pk).update(per_day=2, total=9)
    for number in range(2):
        assert api_client.post(track, small_file(tmp_path, text=str(number)), method=f"mine {number}")[0] == 201
    Evaluation.objects.earliest("pk").end(State.FAILED, "refused")
    page = member.get("/").content.decode()
    assert "mine 1" in page
    assert "failed" in page
    assert f"{track.get_absolute_url()}submit/" in page
    assert "</a>: 1</li>" in page  # of two, one was given back
    assert api_client.post(track, small_file(tmp_path, text="3"))[0] == 201
    assert "the next opens" in member.get("/").content.decode()
    for browser in (Client(), stranger()):
        page = browser.get("/").content.decode()
        assert "mine" not in page
        assert "Tries left" not in page


def stranger() -> Client:
    browser = Client()
    browser.force_login(User.objects.create_user("eve"))
    return browser


def test_the_pages_cost_the_same_however_much_was_sent(
    member: Client, membership: Membership, tracks: dict[str, Track], tmp_path: Path
) -> None:
    track = tracks["moment/val"]
    send(track, "A", "the first", 20.0, tmp_path)
    fill(membership, track, 1)

    def asked(path: str, *, cold: bool = False) -> int:
        member.get(path)
        if cold:
            cache.clear()
        with CaptureQueriesContext(connection) as queries:
            member.get(path)
        return len(queries)

    paths = ["/", track.release.get_absolute_url()]
    few = [asked(path, cold=cold) for path in paths for cold in (False, True)]
    fill(membership, track, 60)
    assert [asked(path, cold=cold) for path in paths for cold in (False, True)] == few
    home, home_cold, release, release_cold = few
    assert (home <= 24, home_cold <= 36, release_cold - release <= 12) == (True, True, True), few


def fill(membership: Membership, track: Track, count: int) -> None:
    """Public submissions of the member's team, each scored twice."""
    for number in range(count):
        made = Submission.objects.create(
            team=membership.team, track=track, method=f"m{number}", file="x", file_name="x", size=1, public=True,
            sha256=uuid.uuid4().hex * 2, created_at=timezone.now(),
        )  # fmt: skip
        for version in "12":
            row = Evaluation.objects.create(
                submission=made, evaluator_version=version, manifest_sha256="0" * 64, state=State.DONE, report={},
                finished_at=timezone.now(),
            )  # fmt: skip
            row.scores.create(key=track.primary_metric, value=1.0, low=0.0, high=2.0, n=32)
