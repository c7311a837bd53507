"""The buttons on the page of a submission: what works for this person in this state, and nothing else."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.models import Membership, State, Submission, Track
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD
from benchmark_site.leaderboard.submissions.visibility import hide
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db

SHOW, OFF = "Show it on the board", "Take it off the board"
CHOOSE, BACK = "Choose it as a final", "Take the choice back"
CANCEL, DELETE = "Cancel", "Delete small.json"
SAVE, SUBMIT_IT = "Save", "submit it"


def offered(browser: Client, submission: Submission) -> set[str]:
    """What one may press, and the link of a dry run."""
    page = browser.get(submission.get_absolute_url()).content.decode()
    main = page[page.index("<main") :]
    buttons = {" ".join(text.split()) for text in re.findall(r"<button[^>]*>([^<]*)</button>", main)}
    return buttons | ({SUBMIT_IT} if ">submit it</a>" in main else set())


@pytest.fixture
def parted(tracks: dict[str, Track]) -> Track:
    """A hidden split in two parts, with one final for each team."""
    soon = timezone.now() + timedelta(days=1)
    pk = tracks["qa/test"].pk
    Track.objects.filter(pk=pk).update(public_percent=50, finals=1, closes_at=soon - LONGEST_UPLOAD, reveals_at=soon)
    return Track.objects.get(pk=pk)


def send(api_client: ApiClient, track: Track, folder: Path, text: str = "1", **fields: str) -> Submission:
    status, sent = api_client.post(track, small_file(folder, text=text), **fields)
    assert status == 201, sent
    return Submission.objects.get(pk=sent["id"])


def test_a_member_is_offered_what_works_in_each_state(
    member: Client, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = send(api_client, track, tmp_path)
    assert offered(member, sent) == {SAVE, SHOW, CANCEL}
    add_scores(sent, {track.primary_metric: 30.0})
    assert offered(member, sent) == {SAVE, SHOW, DELETE}
    Submission.objects.update(public=True)
    assert offered(member, sent) == {SAVE, OFF}
    assert "take it off the board first" in member.get(sent.get_absolute_url()).content.decode()
    hide(Submission.objects.all(), "copied", User.objects.create_superuser("root"))
    assert offered(member, sent) == {SAVE}


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_what_has_no_score_is_neither_shown_nor_chosen(
    member: Client, api_client: ApiClient, parted: Track, tmp_path: Path, state: State
) -> None:
    sent = send(api_client, parted, tmp_path)
    sent.evaluation.end(state, "refused")
    assert offered(member, sent) == {SAVE, DELETE}
    Submission.objects.update(public=True)  # as it was sent: it never stood on the board
    assert offered(member, sent) == {SAVE, DELETE}
    page = member.post(f"{sent.get_absolute_url()}file/delete/", follow=True).content.decode()
    assert "The file is deleted." in page
    assert not Path(sent.file.path).exists()


def test_finals_are_offered_until_the_reveal_and_what_is_chosen_is_not_taken_off(
    member: Client, api_client: ApiClient, parted: Track, tmp_path: Path
) -> None:
    one, other = (send(api_client, parted, tmp_path, text, public="true") for text in "12")
    for sent in (one, other):
        add_scores(sent, {parted.primary_metric: 30.0})
    assert offered(member, one) == {SAVE, OFF, CHOOSE}
    member.post(f"{one.get_absolute_url()}final/", {"final": "yes"})
    assert offered(member, one) == {SAVE, BACK}
    assert offered(member, other) == {SAVE, OFF}
    assert (
        "are chosen, for Analytical: take one of them back first"
        in member.get(other.get_absolute_url()).content.decode()
    )
    Submission.objects.filter(pk=other.pk).update(public=False)
    Submission.objects.filter(pk=one.pk).update(final=False)
    assert offered(member, other) == {SAVE, SHOW, DELETE}
    assert "show it before it is chosen" in member.get(other.get_absolute_url()).content.decode()
    past = timezone.now() - timedelta(hours=1)
    ends = {"opens_at": past - timedelta(days=9), "closes_at": past - LONGEST_UPLOAD, "reveals_at": past}
    Track.objects.filter(pk=parted.pk).update(**ends)
    Submission.objects.update(began_at=past - timedelta(days=1))
    assert offered(member, one) == {SAVE}
    assert offered(member, other) == {SAVE, DELETE}


def test_a_dry_run_offers_the_submission_of_a_file_that_can_be_scored(
    member: Client, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = send(api_client, track, tmp_path, dry_run="true")
    assert offered(member, sent) == {SAVE, CANCEL}
    add_scores(sent, {})
    assert offered(member, sent) == {SAVE, DELETE, SUBMIT_IT}
    past = timezone.now() - timedelta(hours=1)
    Track.objects.filter(pk=track.pk).update(opens_at=past - timedelta(days=1), closes_at=past)
    assert offered(member, sent) == {SAVE, DELETE}


def test_staff_and_visitors_are_offered_nothing_of_others(
    membership: Membership, api_client: ApiClient, parted: Track, tmp_path: Path
) -> None:
    sent = send(api_client, parted, tmp_path, public="true")
    staff = Client()
    staff.force_login(User.objects.create_user("root", is_staff=True))
    assert offered(staff, sent) == set()
    add_scores(sent, {parted.primary_metric: 30.0})
    for browser in (staff, Client()):
        assert offered(browser, sent) == set()


def test_when_the_scoring_ends_the_buttons_follow_without_a_reload(
    member: Client, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = send(api_client, track, tmp_path)
    ask = lambda: member.get(sent.get_absolute_url(), headers={"HX-Request": "true"}).content.decode()  # noqa: E731
    assert "hx-swap-oob" not in ask()
    sent.evaluation.end(State.FAILED, "refused")
    part = ask()
    assert '<div id="offers" hx-swap-oob="true">' in part
    assert SHOW not in part
