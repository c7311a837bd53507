"""The pages in Chromium: no console error, no sideways scrolling at 360 px, nothing that axe finds, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from benchmark_site.leaderboard.models import Evaluation, Membership, Participant, State, Submission, Track, TrainingRun
from benchmark_site.leaderboard.scoring.compare import request_comparison
from benchmark_site.leaderboard.teams.membership import invite
from tests.browsing import Visit, assert_fit, visits
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer, membership: Membership) -> Iterator[Visit]:
    """As the member sees it."""
    client = Client()
    client.force_login(membership.user)
    with visits(browser, live_server.url, client) as visit:
        yield visit


@pytest.mark.slow
def test_every_page_is_fit_for_a_phone_and_for_everybody(
    visit: Visit, membership: Membership, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    public = _submission(
        api_client, track, tmp_path, "A method with quite a long name, so that the table must scroll", "1"
    )
    add_scores(public, {track.primary_metric: 30.0, "SVMR.R@1.tiou0.7.nms0.5": 40.0}, beats_blind=False)
    refused = _submission(api_client, track, tmp_path, "refused", "2")
    evaluation = refused.evaluation
    evaluation.problems = [
        {"file": "p.json", "task": "VCMR", "id": 17, "row": 3, "column": None, "message": "expected a number"}
    ]
    evaluation.end(State.FAILED, "refused: the file is not a valid submission")
    waiting = _submission(api_client, track, tmp_path, "waiting", "3")
    run = TrainingRun.objects.create(release=track.release, stage="training", progress=0.4, facts={"loss": 1.2})
    other = _submission(api_client, track, tmp_path, "another", "4")
    add_scores(other, {track.primary_metric: 35.0})
    Track.objects.filter(pk=track.pk).update(human_value=90.0, human_note="three students", needs_approval=True)
    Participant.objects.create(track=track, user=membership.user, about="a student of somebody", state="in")
    comparison = request_comparison(public.evaluation, other.evaluation)
    query = {"id": 7, "text": "someone opens a door", "video": "a_clip_0_60", "span": [1.0, 4.5]}
    line = {"key": track.primary_metric, "a": 30.0, "b": 35.0, "difference": 5.0, "low": 1.0, "high": 9.0, "p": 0.01}
    wins = {"a": 1, "b": 2, "equal": 29, "a_better": [query], "b_better": [query]}
    comparison.p, comparison.report = 0.01, {"n": 32, "differences": [line], "wins": wins}
    comparison.end(State.DONE)
    both = f"{track.get_absolute_url()}compare/?a={public.pk}&b={other.pk}"
    User.objects.update(is_staff=True)  # who may see the training
    link = invite(public.team, membership.user)
    paths = [
        "/", track.release.get_absolute_url(),
        "/boards/", track.get_absolute_url(), track.get_absolute_url() + "?every",
        track.get_absolute_url() + "?q=nobody&sort=submitted", "/signup/", "/address/", "/password/",
        "/password/reset/", "/password/reset/sent/", "/password/reset/MQ/ended/", urlsplit(link).path,
        *(track.get_absolute_url() + page for page in ("settings/", "overview/", "compare/")), both,
        track.get_absolute_url() + "submit/", "/submissions/", "/teams/", run.get_absolute_url(),
        *(one.get_absolute_url() for one in (public, refused, waiting)),
    ]  # fmt: skip
    for path in paths:
        for scheme in ("light", "dark"):
            page = visit(path, "phone", scheme)
            assert_fit(page)
            page.context.close()


def test_the_page_of_a_submission_follows_its_scoring(
    visit: Visit, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    submission = _submission(api_client, track, tmp_path, "mine", "1")
    page = visit(submission.get_absolute_url(), "phone", "light")
    assert page.get_by_text("Scoring: waiting").is_visible()
    Evaluation.objects.update(state=State.RUNNING, claimed_by="w", heartbeat=submission.created_at, attempt=1)
    page.get_by_text("Scoring: running").wait_for(timeout=10_000)
    add_scores(submission, {track.primary_metric: 30.0})
    page.get_by_text("Scoring: done").wait_for(timeout=10_000)
    assert page.get_by_role("cell", name="30.00").is_visible()


def test_the_board_shows_its_scores_on_a_phone(
    visit: Visit, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    for n, value in enumerate((60.0, 57.0, 41.0, 12.0)):
        sent = _submission(api_client, track, tmp_path, f"A method with quite a long name, number {n}", str(n))
        add_scores(sent, {track.primary_metric: value, "SVMR.R@1.tiou0.7.nms0.5": value / 2})
    page = visit(track.get_absolute_url() + "?every=yes", "phone", "light")
    for name in ("60.00", "12.00"):
        box = page.get_by_text(name, exact=True).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    assert not page.get_by_text("SVMR R@1", exact=True).first.is_visible()
    assert page.get_by_text("shown on a wider screen").is_visible()


def _submission(api_client: ApiClient, track: Track, folder: Path, method: str, text: str) -> Submission:
    status, sent = api_client.post(track, small_file(folder, text=text), method=method, public="true")
    assert status == 201
    return Submission.objects.get(pk=sent["id"])
