"""The pages of a member: upload form, submissions, teams and tokens."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from benchmark_site.leaderboard.models import (
    ApiToken,
    Evaluation,
    Membership,
    State,
    Submission,
    Team,
    Track,
    TrainingRun,
)
from benchmark_site.leaderboard.teams.tokens import authenticate
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(api_client: ApiClient, track: Track, tmp_path: Path) -> Submission:
    return Submission.objects.get(pk=api_client.post(track, small_file(tmp_path), method="mine")[1]["id"])


def form(sender: Team, **changes: object) -> dict[str, object]:
    return {"team": sender.pk, "method": "ours", "file": io.BytesIO(b"{}"), **changes}


def submit_url(track: Track) -> str:
    return track.get_absolute_url() + "submit/"


def test_a_member_uploads_by_form(member: Client, membership: Membership, track: Track) -> None:
    assert "multipart/form-data" in member.get(submit_url(track)).content.decode()
    answer = member.post(submit_url(track), form(membership.team))
    submission = Submission.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, submission.get_absolute_url())
    assert (submission.team, submission.method) == (membership.team, "ours")
    assert "waiting" in member.get(submission.get_absolute_url()).content.decode()


def test_the_form_is_protected_against_forged_posts(membership: Membership, track: Track) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(membership.user)
    assert browser.post(submit_url(track), form(membership.team)).status_code == 403
    assert not Submission.objects.exists()
    page = browser.get(submit_url(track)).content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    answer = browser.post(submit_url(track), form(membership.team, csrfmiddlewaretoken=found[1]))
    assert answer.status_code == 302


def test_the_form_says_what_is_wrong_beside_the_field(member: Client, membership: Membership, track: Track) -> None:
    team = membership.team
    for changes, status, text in (
        ({"method": ""}, 400, "This field is required"),
        ({"file": io.BytesIO(b"")}, 400, "the file is empty"),
        ({"paper_url": "nothing"}, 400, "Enter a valid URL"),
        ({"team": Team.objects.create(name="Others").pk}, 400, "Select a valid choice"),
    ):
        answer = member.post(submit_url(track), form(team, **changes))
        assert answer.status_code == status
        assert text in answer.content.decode()
    answer = member.post(submit_url(track), {"team": team.pk, "method": "m"})
    assert "a file is expected" in answer.content.decode()
    assert not Submission.objects.exists()


def test_the_form_names_quota_dates_and_duplicates(member: Client, membership: Membership, track: Track) -> None:
    member.post(submit_url(track), form(membership.team))
    answer = member.post(submit_url(track), form(membership.team))
    assert answer.status_code == 409
    assert str(Submission.objects.get().pk) in answer.content.decode()
    Track.objects.update(per_day=1)
    answer = member.post(submit_url(track), form(membership.team, file=io.BytesIO(b"{ }")))
    assert answer.status_code == 429
    assert "the next slot opens" in answer.content.decode()


def test_visitors_log_in_first_and_users_without_a_team_make_one(track: Track) -> None:
    assert Client().get(submit_url(track))["Location"].startswith("/login/")
    assert Client().get("/submissions/")["Location"].startswith("/login/")
    browser = Client()
    browser.force_login(User.objects.create_user("new"))
    assert browser.get(submit_url(track))["Location"] == "/teams/"
    browser.post("/teams/", {"name": "Fresh"})
    assert Membership.objects.get().team.name == "Fresh"
    assert browser.get(submit_url(track)).status_code == 200


def test_team_names_are_taken_once_whatever_their_case(member: Client) -> None:
    answer = member.post("/teams/", {"name": "ANALYTICAL"})
    assert "taken" in answer.content.decode()
    assert "cannot be seen" in member.post("/teams/", {"name": "a\u202eb"}).content.decode()
    assert Team.objects.count() == 1


def test_my_submissions_lists_them_and_what_is_left(member: Client, sent: Submission) -> None:
    page = member.get("/submissions/").content.decode()
    assert sent.get_absolute_url() in page
    assert f"1 of {sent.track.per_day}" in page


def test_a_private_submission_is_seen_by_its_team_and_staff_only(member: Client, sent: Submission) -> None:
    path = sent.get_absolute_url()
    add_scores(sent, {"VR.R@1": 10.0})
    assert member.get(path).status_code == 200
    stranger = Client()
    stranger.force_login(User.objects.create_user("eve"))
    for browser in (Client(), stranger):
        assert browser.get(path).status_code == 404
        assert browser.get(path + "report.json").status_code == 404
    stranger.force_login(User.objects.create_user("root", is_staff=True))
    assert stranger.get(path).status_code == 200
    member.post(path + "public/", {"public": "yes"})
    page = Client().get(path).content.decode()
    assert "VR.R@1" in page
    assert "Take it off" not in page


def test_a_public_submission_without_a_score_is_nobody_elses_business(member: Client, sent: Submission) -> None:
    member.post(sent.get_absolute_url() + "public/", {"public": "yes"})
    Evaluation.objects.get().end(State.FAILED, "refused")
    assert Client().get(sent.get_absolute_url()).status_code == 404
    assert "refused" in member.get(sent.get_absolute_url()).content.decode()


def test_the_state_follows_by_itself_until_it_has_ended(member: Client, sent: Submission) -> None:
    path = sent.get_absolute_url()
    page = member.get(path).content.decode()
    assert "includeIndicatorStyles" in page  # htmx would write a style element, which the CSP forbids
    part = member.get(path, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<section")
    assert 'hx-trigger="every 2s"' in part
    add_scores(sent, {"VR.R@1": 10.0})
    part = member.get(path, headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in part
    assert "10.00" in part


def test_problems_are_listed_with_their_place(member: Client, sent: Submission) -> None:
    evaluation = sent.evaluation
    evaluation.problems = [
        {"file": "p.json", "task": "VCMR", "id": 17, "row": 3, "column": None, "message": "<b> is no number"}
    ]
    evaluation.end(State.FAILED, "refused")
    page = member.get(sent.get_absolute_url()).content.decode()
    assert "<td>VCMR</td><td>17</td>" in page
    assert "&lt;b&gt; is no number" in page


def test_cancelling_and_publishing_are_the_teams_and_need_a_post(member: Client, sent: Submission) -> None:
    path = sent.get_absolute_url()
    assert member.get(path + "cancel/").status_code == 405
    stranger = Client()
    stranger.force_login(User.objects.create_user("eve", is_staff=True))
    assert stranger.post(path + "cancel/").status_code == 404
    assert stranger.post(path + "public/", {"public": "yes"}).status_code == 404
    member.post(path + "cancel/")
    assert sent.evaluation.state == State.CANCELLED
    assert "nothing to cancel" in member.post(path + "cancel/", follow=True).content.decode()


def test_a_token_is_shown_once_works_and_can_be_revoked(member: Client, membership: Membership) -> None:
    answer = member.post(f"/teams/{membership.team_id}/tokens/", {"label": "laptop", "scope": "submit", "days": 90})
    assert "no-store" in answer["Cache-Control"]
    found = re.search(r"hb_[\w-]{43}", answer.content.decode())
    assert found
    row = authenticate(found[0])
    assert row is not None
    assert row.label == "laptop"
    page = member.get("/teams/").content.decode()
    assert found[0] not in page
    assert row.prefix in page
    member.post(f"/tokens/{row.pk}/revoke/")
    assert authenticate(found[0]) is None


def test_nobody_makes_or_revokes_tokens_of_others(member: Client, membership: Membership) -> None:
    member.post(f"/teams/{membership.team_id}/tokens/", {"label": "", "scope": "submit", "days": 90})
    stranger = Client()
    stranger.force_login(User.objects.create_user("eve", is_staff=True))
    assert (
        stranger.post(f"/teams/{membership.team_id}/tokens/", {"label": "", "scope": "submit", "days": 90}).status_code
        == 404
    )
    assert stranger.post(f"/tokens/{ApiToken.objects.get().pk}/revoke/").status_code == 404
    assert ApiToken.objects.get().revoked_at is None


def test_the_training_page_follows_and_is_for_those_who_build(track: Track) -> None:
    run = TrainingRun.objects.create(
        release=track.release, stage="training", progress=0.5, facts={"loss": 1.25}, log="Traceback"
    )
    assert Client().get(run.get_absolute_url())["Location"].startswith("/login/")
    requester = Client()
    requester.force_login(User.objects.create_user("requester"))
    requester.post("/teams/", {"name": "curious"})
    assert requester.get(run.get_absolute_url()).status_code == 403
    User.objects.get().groups.add(Group.objects.get(name="Requesters"))
    page = requester.get(run.get_absolute_url()).content.decode()
    assert 'value="0.5"' in page
    assert "1.25" in page
    assert "Traceback" not in page
    staff = Client()
    staff.force_login(User.objects.create_user("root", is_staff=True))
    assert "Traceback" in staff.get(run.get_absolute_url(), headers={"HX-Request": "true"}).content.decode()


def test_every_page_of_the_admin_opens(sent: Submission, track: Track) -> None:
    staff = Client()
    staff.force_login(User.objects.create_superuser("root"))
    add_scores(sent, {"VR.R@1": 10.0})
    TrainingRun.objects.create(release=track.release)
    for name in ("team", "apitoken", "track", "submission", "evaluation", "trainingrun"):
        assert staff.get(f"/admin/leaderboard/{name}/").status_code == 200
    assert staff.get(f"/admin/leaderboard/evaluation/{sent.evaluation.pk}/change/").status_code == 200
    row = ApiToken.objects.get()
    assert row.digest not in staff.get(f"/admin/leaderboard/apitoken/{row.pk}/change/").content.decode()


def test_staff_score_again_and_revoke(sent: Submission) -> None:
    staff = Client()
    staff.force_login(User.objects.create_superuser("root"))
    add_scores(sent, {"VR.R@1": 10.0})
    Submission.objects.update(public=True)
    chosen = {"_selected_action": [str(sent.pk)]}
    page = staff.post("/admin/leaderboard/submission/", {"action": "score_again", **chosen}, follow=True)
    assert "has scored it" in page.content.decode()
    Evaluation.objects.update(evaluator_version="0.0.1")
    staff.post("/admin/leaderboard/submission/", {"action": "score_again", **chosen})
    assert sorted(Evaluation.objects.values_list("state", flat=True)) == ["done", "queued"]
    token = ApiToken.objects.get()
    staff.post("/admin/leaderboard/apitoken/", {"action": "revoke", "_selected_action": [str(token.pk)]})
    assert ApiToken.objects.get().revoked_at is not None


def test_staff_who_may_only_look_cannot_act(sent: Submission) -> None:
    from django.contrib.auth.models import Permission

    user = User.objects.create_user("looker", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_apitoken", "view_submission"]))
    staff = Client()
    staff.force_login(user)
    token = ApiToken.objects.get()
    staff.post("/admin/leaderboard/apitoken/", {"action": "revoke", "_selected_action": [str(token.pk)]})
    assert ApiToken.objects.get().revoked_at is None
