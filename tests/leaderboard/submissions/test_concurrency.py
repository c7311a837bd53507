"""Two at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from benchmark_site.leaderboard.models import Evaluation, Membership, Submission, Team, Track
from benchmark_site.leaderboard.teams.membership import invite
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.leaderboard.conftest import ApiClient, small_file

POSTS = 6


def at_once(posts: list[Callable[[], int]]) -> Counter[int]:
    """Run all of them from one start line; how often each status came back."""
    gate = threading.Barrier(len(posts))
    statuses: list[int] = []

    def run(post: Callable[[], int]) -> None:
        gate.wait()
        try:
            statuses.append(post())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[post]) for post in posts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)


@pytest.mark.django_db(transaction=True)
def test_parallel_posts_do_not_slip_through_the_limit(
    api_client: ApiClient, track: Track, tmp_path: Path, token: str
) -> None:
    Track.objects.update(per_day=2)
    files = [small_file(tmp_path, f"{number}.json", str(number)) for number in range(POSTS)]
    found = at_once([lambda file=file: ApiClient(token).post(track, file)[0] for file in files])  # type: ignore[misc]
    assert found == {201: 2, 429: POSTS - 2}
    assert Submission.objects.count() == Evaluation.objects.count() == 2
    folder = Path(Submission.objects.latest("created_at").file.path).parent
    assert len(list(folder.iterdir())) == 2  # the refused ones left nothing on the disk


@pytest.mark.django_db(transaction=True)
def test_the_same_file_at_once_becomes_one_submission(
    api_client: ApiClient, track: Track, tmp_path: Path, token: str
) -> None:
    file = small_file(tmp_path)
    found = at_once([lambda: ApiClient(token).post(track, file)[0]] * POSTS)
    assert found == {201: 1, 409: POSTS - 1}
    assert Submission.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_posts_of_a_persons_many_teams_do_not_slip_through_the_limit(track: Track, tmp_path: Path) -> None:
    """Each team has two of three people, in either order, so that the posts lock crosswise."""
    Track.objects.update(per_day=2)
    people = [User.objects.create_user(name) for name in ("ada", "eve", "zoe")]
    api_clients = []
    for number in range(POSTS):
        team = Team.objects.create(name=f"team {number}")
        pair = people[number % 3], people[(number + 1) % 3]
        memberships = [Membership.objects.create(team=team, user=user) for user in pair]
        api_clients.append(ApiClient(create_token(memberships[0])))
    files = [small_file(tmp_path, f"{number}.json", str(number)) for number in range(POSTS)]
    posts = [
        lambda api_client=api_client, file=file: api_client.post(track, file)[0]
        for api_client, file in zip(api_clients, files, strict=True)
    ]
    found = at_once(posts)  # type: ignore[arg-type]
    assert found in ({201: 3, 429: POSTS - 3}, {201: 2, 429: POSTS - 2})  # two where one pair comes twice
    assert all(Submission.objects.filter(people=person).count() <= 2 for person in people)


@pytest.mark.django_db(transaction=True)
def test_the_same_file_from_a_persons_many_teams_at_once_becomes_one(track: Track, tmp_path: Path) -> None:
    user = User.objects.create_user("ada")
    teams = [Team.objects.create(name=f"team {number}") for number in range(POSTS)]
    api_clients = [ApiClient(create_token(Membership.objects.create(team=team, user=user))) for team in teams]
    file = small_file(tmp_path)
    found = at_once([lambda api_client=api_client: api_client.post(track, file)[0] for api_client in api_clients])  # type: ignore[misc]
    assert found == {201: 1, 409: POSTS - 1}


@pytest.mark.django_db(transaction=True)
def test_who_invites_by_mail_locks_the_team_before_the_person(membership: Membership) -> None:
    """As whoever submits does: in another order the two would wait for each other, and one of them lose its work."""
    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            Team.objects.select_for_update().get(pk=membership.team_id)
            invited = pool.submit(invite_and_close, membership)
            assert waits_for_a_lock()
            User.objects.select_for_update(no_key=True, nowait=True).get(pk=membership.user_id)
        assert "/invitations/" in invited.result(timeout=10)


def invite_and_close(membership: Membership) -> str:
    try:
        return invite(membership.team, membership.user, "eve@example.org")
    finally:
        connections.close_all()


def waits_for_a_lock() -> bool:
    """Whether another connection does, within ten seconds."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction sees one picture of the others
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return True
        time.sleep(0.05)
    return False
