"""What an organiser hides stays hidden, with a reason that its team reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import Evaluation, Membership, State, Submission, Team, Track
from benchmark_site.leaderboard.scoring.score import rescore
from benchmark_site.leaderboard.submissions.visibility import set_public
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db

REASON = "trained on the test split"


@pytest.fixture
def sent(api_client: ApiClient, track: Track, tmp_path: Path) -> Submission:
    """A public submission with a score."""
    answer = api_client.post(track, small_file(tmp_path), method="mine", public="true")[1]
    submission = Submission.objects.get(pk=answer["id"])
    add_scores(submission, {track.primary_metric: 30.0})
    return submission


@pytest.fixture
def act(sent: Submission) -> Callable[..., str]:
    """`act("hide", reason)`: the organiser's action on it; returns what the admin says."""
    organiser = Client()
    organiser.force_login(User.objects.create_superuser("root"))

    def post(action: str, reason: str = "") -> str:
        form = {"action": action, "reason": reason, "_selected_action": [str(sent.pk)]}
        return organiser.post("/admin/leaderboard/submission/", form, follow=True).content.decode()

    return post


def shown_anywhere(submission: Submission) -> bool:
    board, page = submission.track.get_absolute_url(), submission.get_absolute_url()
    addresses = [board, board + "?every", board + "board.csv", board + "board.json?every", page, page + "report.json"]
    answers = [Client().get(address) for address in addresses]
    return any(answer.status_code == 200 and str(submission.pk) in answer.content.decode() for answer in answers)


def test_a_hidden_submission_is_nowhere_but_on_its_teams_page(
    sent: Submission, act: Callable[..., str], member: Client, api_client: ApiClient
) -> None:
    assert shown_anywhere(sent)
    act("hide", REASON)
    assert not shown_anywhere(sent)
    assert '<td class="num">0</td>' in Client().get("/boards/").content.decode()
    page = member.get(sent.get_absolute_url()).content.decode()
    assert REASON in page
    assert "Show it on the board" not in page
    assert "hidden by the organiser" in member.get("/submissions/").content.decode()
    read = api_client.get(f"submissions/{sent.pk}")[1]
    assert (read["hidden_reason"], read["public"]) == (REASON, False)
    assert read["hidden_at"]
    sent.refresh_from_db()
    assert (sent.hidden_by, sent.hidden_by and sent.hidden_by.username) == (User.objects.get(username="root"), "root")


def test_neither_the_owner_nor_a_new_scoring_shows_it_again(
    sent: Submission, act: Callable[..., str], member: Client, api_client: ApiClient
) -> None:
    act("hide", REASON)
    answer = member.post(sent.get_absolute_url() + "public/", {"public": "yes"}, follow=True)
    assert "the organiser has hidden it" in answer.content.decode()
    status, body = api_client.send("PATCH", f"submissions/{sent.pk}", {"public": True})
    assert (status, body["errors"][0]["code"]) == (409, "hidden")
    Evaluation.objects.update(evaluator_version="0.0.1")
    rescore(sent)
    add_scores(sent, {sent.track.primary_metric: 99.0})
    assert not shown_anywhere(sent)
    with pytest.raises(IntegrityError, match="submission_hidden_is_not_public"), transaction.atomic():
        Submission.objects.update(public=True)


def test_hiding_demands_a_reason_and_keeps_the_first(sent: Submission, act: Callable[..., str]) -> None:
    assert "A reason is expected" in act("hide", "  ")
    assert shown_anywhere(sent)
    act("hide", REASON)
    act("hide", "another one")
    sent.refresh_from_db()
    assert sent.hidden_reason == REASON


def test_the_organiser_shows_again_what_was_hidden(
    sent: Submission, act: Callable[..., str], api_client: ApiClient
) -> None:
    act("hide", REASON)
    assert "1 no longer hidden" in act("unhide")
    assert api_client.get(f"submissions/{sent.pk}")[1]["hidden_reason"] == ""
    assert api_client.send("PATCH", f"submissions/{sent.pk}", {"public": True})[0] == 200
    assert shown_anywhere(sent)


def test_a_baseline_is_hidden_and_public_again(sent: Submission, act: Callable[..., str]) -> None:
    Team.objects.update(baseline=True)
    Submission.objects.update(baseline=True)
    act("hide", REASON)
    assert not shown_anywhere(sent)
    act("unhide")
    assert shown_anywhere(sent)


def test_who_may_only_look_hides_nothing(sent: Submission) -> None:
    from django.contrib.auth.models import Permission

    user = User.objects.create_user("looker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_submission"))
    staff = Client()
    staff.force_login(user)
    form = {"action": "hide", "reason": REASON, "_selected_action": [str(sent.pk)]}
    staff.post("/admin/leaderboard/submission/", form)
    assert shown_anywhere(sent)


def test_the_database_wants_reason_author_and_time_together(sent: Submission) -> None:
    root, now = User.objects.create_superuser("root"), timezone.now()
    whole = {"hidden_reason": REASON, "hidden_by": root, "hidden_at": now}
    nothing = {"hidden_reason": "", "hidden_by": None, "hidden_at": None}
    for part in whole:
        for changes in (nothing | {part: whole[part]}, whole | {part: nothing[part]}):
            with pytest.raises(IntegrityError, match="submission_hiding_has_reason_and_author"), transaction.atomic():
                Submission.objects.update(public=False, **changes)
    Submission.objects.update(public=False, **whole)
    assert Evaluation.objects.get().state == State.DONE


def test_the_same_predictions_with_a_blank_do_not_undo_the_hiding(
    sent: Submission, act: Callable[..., str], api_client: ApiClient, tmp_path: Path
) -> None:
    act("hide", REASON)
    again = small_file(tmp_path, name="again.json", text="{} ")
    status, answer = api_client.post(sent.track, again, method="mine", public="true")
    assert (status, answer["errors"][0]["code"]) == (409, "hidden")
    status, answer = api_client.post(sent.track, again, method="mine")
    assert status == 201
    assert api_client.send("PATCH", f"submissions/{answer['id']}", {"public": True})[0] == 409
    act("unhide")
    assert api_client.send("PATCH", f"submissions/{answer['id']}", {"public": True})[0] == 200


def test_a_new_team_of_the_same_person_does_not_undo_the_hiding(
    sent: Submission, act: Callable[..., str], member: Client, tmp_path: Path
) -> None:
    act("hide", REASON)
    team = Team.objects.create(name="Another name")
    membership = Membership.objects.create(team=team, user=User.objects.get(username="ada"))
    other = ApiClient(create_token(membership))
    again = small_file(tmp_path, name="again.json", text="{} ")
    status, answer = other.post(sent.track, again, method="mine", public="true")
    assert (status, answer["errors"][0]["code"]) == (409, "hidden")
    # nor does a team that the person leaves after sending
    answer = other.post(sent.track, again, method="mine")[1]
    Membership.objects.create(team=team, user=User.objects.create_user("eve"))
    membership.delete()
    with pytest.raises(ApiError, match="the organiser hides"):
        set_public(Submission.objects.get(pk=answer["id"]), True)


@pytest.mark.parametrize("name", ["HERO Bench baselines", "hero bench BASELINES", "Hero-Bench  baselines!"])
def test_nobody_takes_the_name_of_the_baselines(member: Client, name: str) -> None:
    assert "the platform" in member.post("/teams/", {"name": name}).content.decode()
    assert not Team.objects.filter(name=name).exists()


def test_the_hash_of_a_hidden_file_of_predictions_is_its_teams_own(
    tracks: dict[str, Track], api_client: ApiClient, member: Client, tmp_path: Path
) -> None:
    track = tracks["qa/test"]
    answer = api_client.post(track, small_file(tmp_path), method="mine", public="true")[1]
    submission = Submission.objects.get(pk=answer["id"])
    add_scores(submission, {track.primary_metric: 30.0})
    board, page = track.get_absolute_url(), submission.get_absolute_url()
    for address in (board, board + "board.csv", board + "board.json", page):
        assert submission.sha256 not in Client().get(address).content.decode()
    assert submission.sha256 in member.get(page).content.decode()
