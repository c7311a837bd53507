"""A participant's whole life in Chromium: from an invitation to a private part that has decided by a final."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from benchmark_site.leaderboard.models import Comparison, Evaluation, Membership, State, Submission, Team, Track
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD
from benchmark_site.leaderboard.scoring.compare import run_comparison
from benchmark_site.leaderboard.scoring.score import score_evaluation
from benchmark_site.leaderboard.teams.membership import invite
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.leaderboard.conftest import ApiClient

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]
PASSWORD = "long and odd 7"
Predictions = Callable[..., Path]


@pytest.fixture
def people(browser: Browser) -> Iterator[Callable[[], Page]]:
    """`people()`: somebody's own browser; errors of the console fail at the end."""
    contexts, errors = [], []

    def somebody() -> Page:
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield somebody
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def other(track: Track, predictions: Predictions) -> Submission:
    """Another team's row on the board of val."""
    user = User.objects.create_user("charles")
    membership = Membership.objects.create(team=Team.objects.create(name="Engines"), user=user)
    api_client = ApiClient(create_token(membership))
    assert api_client.post(track, predictions(kind="whole_clip"), method="whole clips", public="true")[0] == 201
    score_all()
    return Submission.objects.get()


@pytest.fixture
def parted(tracks: dict[str, Track]) -> Track:
    """A hidden split in two parts."""
    soon, pk = timezone.now() + timedelta(days=1), tracks["qa/test"].pk
    ends = {"closes_at": soon, "reveals_at": soon + LONGEST_UPLOAD}
    Track.objects.filter(pk=pk).update(public_percent=50, part_secret="of the test", **ends)
    return Track.objects.get(pk=pk)


def score_all() -> None:
    """What waits, as the worker would."""
    for pk in Evaluation.objects.filter(state=State.QUEUED).values_list("pk", flat=True):
        score_evaluation(pk)


def test_from_an_invitation_to_a_private_part_that_has_decided(
    people: Callable[[], Page], live_server: LiveServer, track: Track, parted: Track, other: Submission,
    predictions: Predictions,
) -> None:  # fmt: skip
    site = live_server.url
    ada, bob = people(), people()
    sign_up_by_invitation(ada, site)
    invitation = create_a_team_and_invite(ada)
    join(bob, site + urlsplit(invitation).path)
    assert set(Team.objects.get(name="Analytical").members.values_list("username", flat=True)) == {"ada", "bob"}
    token = make_a_token(ada)
    assert len(httpx.get(f"{site}/api/tracks", headers={"Authorization": f"Bearer {token}"}).json()) == 4

    ada.goto(site + track.get_absolute_url())
    ada.get_by_role("button", name="Submit predictions").click()
    fill_in(ada, predictions(), "a dry run")
    ada.get_by_role("button", name="Check the file only").click()
    watch(ada)
    ada.get_by_text("The file can be scored.").wait_for()
    ada.get_by_role("link", name="submit it").click()

    fill_in(ada, predictions(), "our method")
    ada.get_by_role("button", name="Submit", exact=True).click()
    watch(ada)
    assert ada.get_by_role("rowheader", name=track.primary_metric).is_visible()
    ada.get_by_role("button", name="Show it on the board").click()
    compare(ada, other)
    ada.goto(site + track.get_absolute_url())
    assert ada.get_by_role("link", name="our method").is_visible()
    ada.goto(site)
    assert ada.get_by_role("heading", name="Tries left").is_visible()

    ada.goto(f"{site}{parted.get_absolute_url()}submit/")
    fill_in(ada, predictions("qa", "test"), "our last word")
    ada.get_by_role("button", name="Submit", exact=True).click()
    watch(ada)
    choose_and_withdraw(ada)
    bob.goto(f"{site}/submissions/")
    assert bob.get_by_role("link", name="our last word").is_visible()
    made = Submission.objects.get(method="our last word")
    assert (made.public, made.final, made.counts, made.team.name) == (False, False, True, "Analytical")

    ada.get_by_role("button", name="Show it on the board").click()
    ada.get_by_role("button", name="Choose it as a final").click()
    ada.get_by_role("button", name="Take the choice back").wait_for()
    let_pass(parted, timedelta(0))
    ada.goto(f"{site}{parted.get_absolute_url()}submit/")
    ada.get_by_text("Nothing can be submitted now: this track is closed since").wait_for()
    let_pass(parted, LONGEST_UPLOAD)
    see_it_decide(ada, site, made, parted)


def let_pass(track: Track, since_the_end: timedelta) -> None:
    """As if it had ended so long ago, and what was sent to it had been sent before."""
    now = timezone.now()
    end = now - since_the_end
    ends = {"opens_at": end - timedelta(days=9), "closes_at": end, "reveals_at": end + LONGEST_UPLOAD}
    Track.objects.filter(pk=track.pk).update(**ends)
    Submission.objects.filter(track=track).update(began_at=end - timedelta(hours=1), created_at=end)


def see_it_decide(page: Page, site: str, made: Submission, track: Track) -> None:
    page.goto(site + made.get_absolute_url())
    page.get_by_role("heading", name="Private part").wait_for()
    for name in ("Take the choice back", "Take it off", "Choose it as a final"):
        assert page.get_by_role("button", name=name).count() == 0
    page.goto(site + track.get_absolute_url())
    page.get_by_text(re.compile("Decided at .* UTC by the private part")).wait_for()
    assert page.get_by_role("link", name=made.method).is_visible()


def sign_up_by_invitation(page: Page, site: str) -> None:
    host = User.objects.create_user("root", is_staff=True)
    team = Team.objects.create(name="Organisers")
    Membership.objects.create(team=team, user=host)
    page.goto(site + urlsplit(invite(team, host)).path)
    page.get_by_role("button", name="Make an account").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Email").fill("ada@example.org")
    page.get_by_label("Password:", exact=True).fill(PASSWORD)
    page.get_by_label("Password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Make an account").click()
    page.get_by_role("heading", name="Teams and tokens").wait_for()


def create_a_team_and_invite(page: Page) -> str:
    """The link, as the page shows it once."""
    page.get_by_role("region", name="New team").get_by_label("Name").fill("Analytical")
    page.get_by_role("button", name="Create").click()
    own = page.get_by_role("region", name="Analytical")
    own.get_by_text("Invite somebody").click()
    own.get_by_role("button", name="Invite into Analytical").click()
    return page.get_by_role("article").locator("code").inner_text()


def join(page: Page, link: str) -> None:
    User.objects.create_user("bob", password=PASSWORD)
    page.goto(link)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.get_by_label("Username").fill("bob")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Join as bob").click()
    page.get_by_text("You are in the team Analytical.").wait_for()


def make_a_token(page: Page) -> str:
    own = page.get_by_role("region", name="Analytical")
    own.get_by_text("Make a token", exact=True).click()
    own.get_by_label("Where it will be used").fill("laptop")
    own.get_by_role("button", name="Make a token for Analytical").click()
    return page.get_by_role("article").locator("code").inner_text()


def fill_in(page: Page, file: Path, method: str) -> None:
    page.get_by_label("Team").select_option("Analytical")
    page.get_by_label("Method").fill(method)
    page.get_by_label("File:", exact=True).set_input_files(file)


def watch(page: Page) -> None:
    """The page follows from the queue to the end by itself."""
    page.get_by_role("heading", name="Scoring: waiting").wait_for()
    assert page.get_by_role("button", name="Cancel").is_visible()
    score_all()
    page.get_by_role("heading", name="Scoring: done").wait_for(timeout=10_000)
    assert page.get_by_text(re.compile("done in attempt 1")).is_visible()
    assert page.get_by_role("button", name="Cancel").count() == 0


def compare(page: Page, other: Submission) -> None:
    page.get_by_text("Compare, cite, show").click()
    page.get_by_role("link", name="Compare it with another").click()
    page.get_by_label("B:").select_option(str(other))
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("heading", name="Waiting for a worker").wait_for()
    run_comparison(Comparison.objects.get().pk)
    page.get_by_role("heading", name=re.compile("They can")).wait_for(timeout=10_000)


def choose_and_withdraw(page: Page) -> None:
    """Shown, chosen, and all of it taken back: each button is there when it works, and only then."""
    choose, off = (
        page.get_by_role("button", name="Choose it as a final"),
        page.get_by_role("button", name="Take it off"),
    )
    assert choose.count() == 0
    page.get_by_role("button", name="Show it on the board").click()
    off.wait_for()
    choose.click()
    page.get_by_role("button", name="Take the choice back").wait_for()
    assert off.count() == 0
    page.get_by_role("button", name="Take the choice back").click()
    off.click()
    page.get_by_role("button", name="Show it on the board").wait_for()
