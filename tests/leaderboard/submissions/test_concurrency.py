"""Two at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connections

from benchmark_site.leaderboard.models import Evaluation, Membership, Submission, Team, Track
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
