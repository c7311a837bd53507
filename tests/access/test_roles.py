"""What each role gets at each address, and that no answer tells what is withheld."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import path

from annotation.models import Clip
from benchmark_site.access import TABLE, May, Role, find_row
from benchmark_site.urls import urlpatterns as site_urls
from benchmark_site.views import health
from tests.access.conftest import ORDER, ApiClient, World
from tests.access.held_out import readable

pytestmark = pytest.mark.django_db
urlpatterns = [*site_urls, path("forgotten/", health, name="forgotten")]


def outcome(response: Any) -> str:
    if response.status_code == 302 and response["Location"].startswith("/login/"):
        return "log in"
    return "refused" if response.status_code in {401, 403, 404, 410} else "open"


def expected(world: World, role: Role, api_client: ApiClient) -> str:
    row = find_row(api_client.name)
    assert row is not None
    word = row[role]
    if word == May.LOG_IN:
        return "log in"
    held = {May.YES, May.PERMITTED, *api_client.holds} | ({May.TOKEN} if role in world.tokens else set())
    return "open" if word in held else "refused"


def test_the_world_has_a_door_for_every_row(world: World) -> None:
    assert {api_client.name for api_client in world.api_clients} == TABLE.keys()


@pytest.mark.parametrize("role", Role)
def test_each_role_gets_what_the_table_says(world: World, role: Role) -> None:
    wrong = []
    for api_client in world.api_clients:
        with world.knock(role, api_client) as response:
            if outcome(response) != expected(world, role, api_client):
                wrong.append(
                    (api_client.method, api_client.path, response.status_code, expected(world, role, api_client))
                )
    assert wrong == []


@pytest.mark.parametrize("world", ["frozen", "sealed"], indirect=True)
@pytest.mark.parametrize("role", [Role.ANONYMOUS, Role.ACCOUNT, Role.OWN_TEAM, Role.OTHER_TEAM, Role.REVIEWER])
def test_no_answer_tells_what_is_withheld(world: World, role: Role) -> None:
    """Reviewers read answers that no release holds yet; the hidden split is closed to them, too."""
    assert bool(world.hidden.texts) == (world.release.hidden == "sealed")  # a sealed release has a reserve
    secrets = world.hidden if role == Role.REVIEWER else world.collected
    assert secrets.moments
    told = {}
    for api_client in world.api_clients:
        if api_client.name in {"release-download", "release-file"}:
            continue  # the public files, which have audits of their own
        with world.knock(role, api_client) as response:
            content = b"".join(response.streaming_content) if response.streaming else response.content
            told[api_client.path] = secrets.found_in(readable(content, response["Content-Type"]))
    assert {where: what for where, what in told.items() if what} == {}


def test_the_search_finds_what_a_requester_may_see(world: World) -> None:
    hidden_clips = Clip.objects.filter(video__split__split="test")
    assert hidden_clips
    for clip in hidden_clips:
        with world.knock(Role.REQUESTER, ApiClient("clip", f"/clips/{clip.pk}/")) as response:
            assert world.hidden.found_in(response.content.decode())


def test_the_home_page_shows_the_collection_to_those_who_collect(world: World) -> None:
    for role, shown in ((Role.ANONYMOUS, False), (Role.REVIEWER, False), (Role.REQUESTER, True), (Role.STAFF, True)):
        with world.knock(role, ApiClient("home", "/")) as response:
            page = response.content.decode()
        assert (ORDER in page, "What has been collected" in page, "/releases/demo/2.0.0/" in page) == (shown,) * 3
        assert "/releases/demo/1.0.0/" in page
        assert ('href="/batches/"' in page) == (role != Role.ANONYMOUS)


def test_the_list_of_releases_shows_frozen_ones(world: World) -> None:
    with world.knock(Role.ANONYMOUS, ApiClient("releases", "/releases/")) as response:
        assert "/releases/demo/2.0.0/" not in response.content.decode()


def test_an_address_without_a_row_is_closed_to_everybody(client: Client, admin_client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    for browser in (client, admin_client):
        response = browser.get("/forgotten/")
        assert response.status_code == 404
        assert "no-store" in response["Cache-Control"]


def test_an_inactive_member_of_the_staff_is_nobody(world: World) -> None:
    user = world.users[Role.STAFF]
    assert user is not None
    assert user.has_perm("annotation.collect")
    user.is_active = False
    assert not user.has_perm("annotation.collect")


@pytest.mark.parametrize(
    ("role", "path", "cache"),
    [
        (Role.ANONYMOUS, "/boards/", "no-cache"),
        (Role.ACCOUNT, "/boards/", "private"),
        (Role.ACCOUNT, "/submissions/", "no-store"),
        (Role.REQUESTER, "/batches/", "no-store"),
        (Role.ANONYMOUS, "/batches/", "no-store"),
        (Role.ANONYMOUS, "/task/1:a:b/", "no-store"),
        (Role.ANONYMOUS, "/api/tracks", "no-store"),
        (Role.ANONYMOUS, "/nowhere/", "no-store"),
    ],
)
def test_what_may_be_taken_back_stays_out_of_caches(world: World, role: Role, path: str, cache: str) -> None:
    with world.knock(role, ApiClient("", path)) as response:
        said = response.get("Cache-Control")
    assert cache in said
