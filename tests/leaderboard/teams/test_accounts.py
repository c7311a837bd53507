"""Accounts and teams: signing up, logging in too often, a new password by mail, invitations, leaving, renaming."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.models import ApiToken, Invitation, Membership, Participant, Scope, Team, Track
from benchmark_site.leaderboard.tasks import sweep
from benchmark_site.leaderboard.teams import accounts
from benchmark_site.leaderboard.teams import membership as membership_of
from benchmark_site.leaderboard.teams.forms import TeamForm
from benchmark_site.leaderboard.teams.tokens import authenticate, create_token
from tests.leaderboard.conftest import ApiClient, small_file

pytestmark = pytest.mark.django_db

NEW = {"username": "eve", "email": "eve@example.org", "password1": "long and odd 7", "password2": "long and odd 7"}


def log_in(name: str, password: str, **more: str) -> Any:
    return Client().post("/login/", {"username": name, "password": password}, **more)


def test_after_25_wrong_passwords_the_right_one_does_not_log_in_at_once(db: None) -> None:
    User.objects.create_user("ada", password="right")
    answers = [log_in("ada", f"wrong {n}") for n in range(25)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert "quarter of an hour" in answers[-1].content.decode()
    assert log_in("ada", "right").status_code == 429
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert log_in("ada", "right").status_code == 302


def test_one_who_guesses_locks_nobody_else_out(db: None) -> None:
    for name in ("ada", "bob"):
        User.objects.create_user(name, password="right")
    for n in range(12):
        log_in("ada", f"wrong {n}")
    assert log_in("bob", "right").status_code == 302
    assert log_in("ada", "right", REMOTE_ADDR="192.0.2.9").status_code == 302


def test_one_who_guesses_from_many_addresses_of_one_line_is_locked_out(db: None) -> None:
    """A line of IPv6 has 2^64 addresses."""
    User.objects.create_user("ada", password="right")
    for n in range(12):
        log_in("ada", f"wrong {n}", REMOTE_ADDR=f"2001:db8:1:2:{n:x}::{n:x}")
    assert log_in("ada", "right", REMOTE_ADDR="2001:db8:1:2:ffff::1").status_code == 429
    assert log_in("ada", "right", REMOTE_ADDR="2001:db8:1:3::1").status_code == 302


def test_a_visitor_signs_up_and_makes_a_team(db: None, settings: Any) -> None:
    assert Client().post("/signup/", NEW).status_code == 403
    assert "/signup/" not in Client().get("/login/").content.decode()
    settings.OPEN_SIGNUP = True
    browser = Client()
    assert "/signup/" in browser.get("/login/").content.decode()
    assert browser.post("/signup/", {**NEW, "password2": "another"}).status_code == 400
    answer = browser.post("/signup/", NEW)
    assert (answer.status_code, answer["Location"]) == (302, "/teams/")
    browser.post("/teams/", {"name": "Fresh"})
    assert Membership.objects.get().user.email == "eve@example.org"


def test_where_sign_up_is_closed_an_invitation_of_staff_opens_it(member: Client, membership: Membership) -> None:
    """One of anybody does not: it would make accounts, hence tries, without end."""
    own = found_link(member.post(f"/teams/{membership.team_id}/invite/", {"email": ""}).content.decode())
    assert Client().post(f"/signup/?invitation={own.split('/')[-2]}", NEW).status_code == 403
    User.objects.filter(pk=membership.user_id).update(is_staff=True)
    page = member.post(f"/teams/{membership.team_id}/invite/", {"email": "eve@example.org"}).content.decode()
    link = found_link(page)
    assert link in mail.outbox[0].body
    assert mail.outbox[0].to == ["eve@example.org"]
    browser = Client()
    shown = browser.get(link).content.decode()
    assert "Join Analytical" in shown
    secret = link.split("/")[-2]
    answer = browser.post(f"/signup/?invitation={secret}", NEW)
    assert answer["Location"] == "/teams/"
    assert set(membership.team.members.values_list("username", flat=True)) == {"ada", "eve"}
    again = {**NEW, "username": "eva", "email": "eva@example.org"}
    assert Client().post(f"/signup/?invitation={secret}", again).status_code == 403
    assert not User.objects.filter(username="eva").exists()


@pytest.mark.parametrize("name", ["ADA", "аda", "аԁа", "a1an", "Алa"])
def test_nobody_signs_up_under_a_name_that_looks_like_anothers(name: str, settings: Any, db: None) -> None:
    """Organisers let people in by their names, and members invite by them."""
    settings.OPEN_SIGNUP = True
    for taken in ("ada", "alan"):
        User.objects.create_user(taken)
    answer = Client().post("/signup/", {**NEW, "username": name})
    assert answer.status_code == 400
    assert User.objects.count() == 2
    assert Client().post("/signup/", {**NEW, "username": "Ада_Л"}).status_code == 302


def test_two_who_sign_up_by_one_invitation_at_once_are_one(
    member: Client, membership: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.filter(pk=membership.user_id).update(is_staff=True)
    link = found_link(member.post(f"/teams/{membership.team_id}/invite/", {"email": ""}).content.decode())
    secret = link.split("/")[-2]
    late = membership_of.find_invitation(secret)
    Client().post(f"/signup/?invitation={secret}", NEW)
    monkeypatch.setattr(accounts, "find_invitation", lambda secret: late)  # looked before the other one was done
    again = {**NEW, "username": "eva", "email": "eva@example.org"}
    answer = Client().post(f"/signup/?invitation={secret}", again)
    assert (answer.status_code, b"was used meanwhile" in answer.content) == (400, True)
    assert not User.objects.filter(username="eva").exists()


def found_link(page: str) -> str:
    found = re.search(r"http://[^<\s]+(/invitations/[\w-]+/)", page)
    assert found
    return found[1]


def test_an_invitation_works_once_and_ends(member: Client, membership: Membership) -> None:
    link, late = (
        found_link(member.post(f"/teams/{membership.team_id}/invite/", {"email": ""}).content.decode()) for _ in "ab"
    )
    assert not mail.outbox
    browsers = [Client(), Client()]
    for browser, name in zip(browsers, ("eve", "eva"), strict=True):
        browser.force_login(User.objects.create_user(name))
    assert browsers[0].post(link).status_code == 302
    assert browsers[1].post(link).status_code == 410
    assert not Team.objects.filter(members__username="eva").exists()
    Invitation.objects.update(expires_at=timezone.now())
    assert browsers[1].post(late).status_code == 410
    assert Client().post(link).status_code == 410
    assert Invitation.objects.filter(digest__in=[link, late]).count() == 0


@pytest.mark.parametrize("state", ["in", "sent"])
def test_who_was_refused_on_a_track_joins_no_team_that_takes_part(
    state: str, member: Client, membership: Membership, track: Track, api_client: ApiClient, tmp_path: Any
) -> None:
    eve = User.objects.create_user("eve")
    refused = Participant.objects.create(track=track, user=eve, about="eve", state=Participant.State.REFUSED)
    if state == "in":
        Participant.objects.create(track=track, user=membership.user, about="ada", state=Participant.State.IN)
    else:
        assert api_client.post(track, small_file(tmp_path))[0] == 201
    Track.objects.filter(pk=track.pk).update(needs_approval=True)
    link = found_link(member.post(f"/teams/{membership.team_id}/invite/", {"email": ""}).content.decode())
    browser = Client()
    browser.force_login(eve)
    said = f"An organiser has refused you on {track}"
    page = browser.get(link).content.decode()
    assert said in page
    assert "Join as" not in page
    answer = browser.post(link)
    assert (answer.status_code, said in answer.content.decode()) == (403, True)
    assert not Membership.objects.filter(user=eve).exists()
    Participant.objects.filter(pk=refused.pk).update(state=Participant.State.IN)
    assert browser.post(link).status_code == 302  # the invitation was not used up
    assert Membership.objects.filter(user=eve).exists()


def test_who_was_refused_elsewhere_may_join(member: Client, membership: Membership, tracks: dict[str, Track]) -> None:
    eve, asked = User.objects.create_user("eve"), Participant.objects.create
    Track.objects.update(needs_approval=True)
    asked(track=tracks["qa/val"], user=eve, about="eve", state=Participant.State.REFUSED)
    asked(track=tracks["moment/val"], user=membership.user, about="ada", state=Participant.State.IN)
    link = found_link(member.post(f"/teams/{membership.team_id}/invite/", {"email": ""}).content.decode())
    browser = Client()
    browser.force_login(eve)
    assert browser.post(link).status_code == 302


def test_nobody_invites_into_another_team_renames_or_leaves_it(member: Client) -> None:
    others = Team.objects.create(name="Others")
    for what in ("invite", "rename", "leave"):
        assert member.post(f"/teams/{others.pk}/{what}/", {"name": "Others"}).status_code == 404


def test_leaving_asks_for_the_name_and_ends_the_tokens(member: Client, membership: Membership, token: str) -> None:
    path = f"/teams/{membership.team_id}/leave/"
    member.post(path, {"name": "analytic"})
    assert authenticate(token)
    member.post(path, {"name": "Analytical"})
    assert authenticate(token) is None
    assert not Team.objects.exists()


def test_a_team_that_has_sent_something_stays_when_the_last_one_leaves(
    member: Client, membership: Membership, api_client: ApiClient, track: Track, tmp_path: Any
) -> None:
    api_client.post(track, small_file(tmp_path), method="m")
    member.post(f"/teams/{membership.team_id}/leave/", {"name": "Analytical"})
    assert Team.objects.get().members.count() == 0


def test_renaming_keeps_the_rules_of_names(member: Client, membership: Membership) -> None:
    Team.objects.create(name="Taken")
    path = f"/teams/{membership.team_id}/rename/"
    for name in ("taken", "HERO  bench Baselines", "Τeam", "a\u200bb", ""):
        member.post(path, {"name": name})
    membership.team.refresh_from_db()
    assert membership.team.name == "Analytical"
    member.post(path, {"name": "Engines"})
    membership.team.refresh_from_db()
    assert membership.team.name == "Engines"


@pytest.mark.parametrize(
    "name",
    ["Ada\u3164", "\u3164", "Ada\u115f", "Ada\u034f", "Ada\ufe0f", "\u2800", "Ａda", "Ada  L", "Ada\u00a0L", "Ada\nL",
     "Cafe\u0301", "\ufdfa" * 4],
)  # fmt: skip
def test_no_team_is_named_like_another_to_a_reader(name: str, db: None) -> None:
    for taken in ("Ada", "Ada L", "Caf\u00e9"):
        Team.objects.create(name=taken)
    assert not TeamForm({"name": name}).is_valid()


@pytest.mark.parametrize(
    ("taken", "name"),
    [("ACE", "АСЕ"), ("ace", "АСЕ"), ("AI Lab", "Al Lab"), ("Team 10", "Team lO"), ("Modern", "Modem"),
     ("ΑΒΒΑ", "АВВА"), ("Vision-Lab", "Vision–Lab"), ("Ace", "асе")],
)  # fmt: skip
def test_no_team_is_named_in_letters_that_look_like_anothers(
    member: Client, membership: Membership, taken: str, name: str
) -> None:
    Team.objects.create(name=taken)
    assert "looks like one that is" in member.post("/teams/", {"name": name}).content.decode()
    member.post(f"/teams/{membership.team_id}/rename/", {"name": name})
    assert set(Team.objects.values_list("name", flat=True)) == {taken, "Analytical"}


@pytest.mark.parametrize("name", ["AL LAB", "A1 Labs", "Лаборатория", "Team 11", "Ångström", "АСУ"])
def test_names_that_a_reader_tells_apart_are_free(name: str, db: None) -> None:
    for taken in ("AI LAB", "Team 12", "Angstrom", "ACE", "Лаборанты"):
        Team.objects.create(name=taken)
    form = TeamForm({"name": name})
    assert form.is_valid(), form.errors


def test_a_team_keeps_its_own_name(member: Client, membership: Membership) -> None:
    member.post(f"/teams/{membership.team_id}/rename/", {"name": "analytica1"})
    membership.team.refresh_from_db()
    assert membership.team.name == "analytica1"


@pytest.mark.parametrize("name", ["HER0 Bench base1ines", "HERO-Bench Baselines"])
def test_nobody_is_named_like_the_platform(name: str, db: None) -> None:
    assert "platform's own" in str(TeamForm({"name": name}).errors.as_data())


def test_a_name_is_kept_as_it_is_read(db: None) -> None:
    form = TeamForm({"name": "Cafe\u0301  Ｌab"})
    assert form.is_valid()
    assert form.save().name == "Caf\u00e9 Lab"


def test_a_new_password_comes_by_mail(db: None) -> None:
    User.objects.create_user("ada", "ada@example.org", "forgotten")
    for address in ("nobody@example.org", "ada@example.org"):
        answer = Client().post("/password/reset/", {"email": address}, HTTP_HOST="localhost")
        assert answer.status_code == 302  # the same for both: it does not tell who has an account
    (sent,) = mail.outbox
    found = re.search(r"http://localhost(/password/reset/\S+)", sent.body)
    assert found
    browser = Client()
    form = browser.get(found[1])
    browser.post(form["Location"], {"new_password1": "long and odd 7", "new_password2": "long and odd 7"})
    assert log_in("ada", "long and odd 7").status_code == 302
    assert "has ended" in Client().get(found[1]).content.decode()


def test_an_address_is_changed_by_its_password_and_the_old_one_is_told(member: Client, membership: Membership) -> None:
    """Whoever has the address can have a new password mailed: an open session alone must not be the way to one."""
    User.objects.filter(pk=membership.user_id).update(email="ada@old.example")
    assert "/address/" in member.get("/teams/").content.decode()
    wrong = member.post("/address/", {"email": "eve@example.org", "password": "wrong"})
    assert (wrong.status_code, "This is not your password." in wrong.content.decode()) == (400, True)
    for address in ("nobody", "", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 20}.example"):
        assert member.post("/address/", {"email": address, "password": "ada"}).status_code == 400
    membership.user.refresh_from_db()
    assert (membership.user.email, mail.outbox) == ("ada@old.example", [])
    changed = member.post("/address/", {"email": "ada@new.example", "password": "ada"}, follow=True)
    assert "Mail goes to ada@new.example from now on." in changed.content.decode()
    (told,) = mail.outbox
    assert (told.to, "ada@new.example" in told.body) == (["ada@old.example"], False)
    Client().post("/password/reset/", {"email": "ada@new.example"})
    assert mail.outbox[-1].to == ["ada@new.example"]


def test_an_account_without_a_password_changes_its_address(db: None) -> None:
    user = User.objects.create_user("eve", "eve@example.org")
    browser = Client()
    browser.force_login(user)
    assert 'type="password"' not in browser.get("/address/").content.decode()
    browser.post("/address/", {"email": "eve@new.example"})
    user.refresh_from_db()
    assert user.email == "eve@new.example"


def test_sessions_that_have_ended_are_forgotten(member: Client) -> None:
    sweep()
    assert Session.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        sweep()
    assert not Session.objects.exists()


def test_nobody_has_another_mailed_again_and_again(db: None) -> None:
    """Anybody may ask, and while the mail server is slow each mail holds a web thread."""
    User.objects.create_user("ada", "ada@example.org", "forgotten")

    def ask() -> int:
        assert Client().post("/password/reset/", {"email": "ada@example.org"}).status_code == 302
        return len(mail.outbox)

    assert [ask(), ask(), ask()] == [1, 1, 1]
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert ask() == 2


def test_a_token_ends_and_is_bound_to_its_scope(
    member: Client, membership: Membership, track: Track, tmp_path: Any
) -> None:
    page = member.post(
        f"/teams/{membership.team_id}/tokens/", {"label": "board", "scope": "read", "days": 30}
    ).content.decode()
    reader = ApiClient(re.findall(r"hb_[\w-]{43}", page)[0])
    assert reader.get("tracks")[0] == 200
    for answer in (
        reader.post(track, small_file(tmp_path)),
        reader.send("POST", f"submissions/{track.pk}/cancel"),
    ):
        assert (answer[0], answer[1]["errors"][0]["code"]) == (403, "scope")
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert reader.get("tracks")[0] == 401
        assert ApiToken.objects.get().state == "ended"


def test_only_who_collects_is_offered_a_token_that_orders_work(member: Client, membership: Membership) -> None:
    path, asked = f"/teams/{membership.team_id}/tokens/", {"label": "", "scope": "orders", "days": "30"}
    assert 'value="orders"' not in member.get("/teams/").content.decode()
    member.post(path, asked)
    assert not ApiToken.objects.exists()
    membership.user.groups.add(Group.objects.get(name="Requesters"))
    assert 'value="orders"' in member.get("/teams/").content.decode()
    member.post(path, asked)
    assert ApiToken.objects.get().scope == Scope.ORDERS


def test_days_and_scope_of_a_token_are_checked(member: Client, membership: Membership) -> None:
    for changes in ({"days": "9999"}, {"scope": "admin"}):
        member.post(f"/teams/{membership.team_id}/tokens/", {"label": "", "scope": "read", "days": "30", **changes})
    assert not ApiToken.objects.exists()
    assert authenticate(create_token(membership, scope=Scope.READ, days=1))


def link_of(browser: Client, team: Team, email: str = "") -> str:
    """The link of a new invitation, as the page shows it."""
    return found_link(browser.post(f"/teams/{team.pk}/invite/", {"email": email}).content.decode())


def browser_of(name: str, *teams: Team) -> Client:
    """The browser of a new user in these teams."""
    user = User.objects.create_user(name)
    for team in teams:
        Membership.objects.create(team=team, user=user)
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.mark.parametrize("gone", ["left", "closed"])
def test_a_link_of_somebody_who_is_gone_opens_nothing(member: Client, membership: Membership, gone: str) -> None:
    bob = browser_of("bob", membership.team)
    link, stays = link_of(bob, membership.team), link_of(member, membership.team)
    if gone == "left":
        bob.post(f"/teams/{membership.team_id}/leave/", {"name": "Analytical"})
    else:
        User.objects.filter(username="bob").update(is_active=False)
    eve = browser_of("eve")
    answer = eve.post(link)
    assert (answer.status_code, b"who has left the team" in answer.content) == (410, True)
    assert not Membership.objects.filter(user__username="eve").exists()
    assert eve.post(stays).status_code == 302


def test_one_who_leaves_while_a_link_of_theirs_is_used_lets_nobody_in(
    membership: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is read before the lock, and the inviter may have gone until it is there."""
    secret = membership_of.invite(membership.team, membership.user).split("/")[-2]
    read = membership_of.find_invitation(secret)
    Membership.objects.create(team=membership.team, user=User.objects.create_user("bob"))
    membership_of.leave(membership)
    monkeypatch.setattr(membership_of, "find_invitation", lambda secret: read)
    assert membership_of.accept(secret, User.objects.create_user("eve")) is None


def test_members_see_the_open_links_of_their_team_and_withdraw_them(member: Client, membership: Membership) -> None:
    link = link_of(browser_of("bob", membership.team), membership.team, "eve@example.org")
    page = member.get("/teams/").content.decode()
    assert "eve@example.org" in page
    assert "Withdraw that of" in page
    path = f"/invitations/{Invitation.objects.get().pk}/withdraw/"
    assert browser_of("stranger", Team.objects.create(name="Others")).post(path).status_code == 404
    assert browser_of("eve").get(link).status_code == 200
    member.post(path)
    assert Client().get(link).status_code == 410
    assert "Withdraw that of" not in member.get("/teams/").content.decode()
    assert member.post(path).status_code == 404


def test_the_earliest_member_removes_others_and_nobody_else_does(member: Client, membership: Membership) -> None:
    team = membership.team
    bob, eve = browser_of("bob", team), browser_of("eve", team)
    of = {one.user.username: one for one in Membership.objects.select_related("user")}
    assert "ada (owner), bob, eve" in bob.get("/teams/").content.decode()
    assert "Remove ada" not in bob.get("/teams/").content.decode()
    said = bob.post(f"/members/{of['eve'].pk}/remove/", follow=True).content.decode()
    assert "only ada, who is in the team for longest" in said
    assert browser_of("stranger").post(f"/members/{of['eve'].pk}/remove/").status_code == 404
    assert "leave the team" in member.post(f"/members/{membership.pk}/remove/", follow=True).content.decode()
    assert team.members.count() == 3
    token, link = create_token(of["eve"]), link_of(eve, team)
    assert "Remove eve from Analytical" in member.get("/teams/").content.decode()
    member.post(f"/members/{of['eve'].pk}/remove/")
    assert set(team.members.values_list("username", flat=True)) == {"ada", "bob"}
    assert authenticate(token) is None
    assert Client().get(link).status_code == 410


def test_when_the_owner_goes_the_next_member_is_the_owner(member: Client, membership: Membership) -> None:
    team = membership.team
    bob, eve = browser_of("bob", team), Membership.objects.create(team=team, user=User.objects.create_user("eve"))
    User.objects.filter(pk=membership.user_id).update(is_active=False)
    assert str(membership_of.owner_of(team)) == "bob"
    User.objects.filter(pk=membership.user_id).update(is_active=True)
    membership_of.leave(membership)
    Membership.objects.create(team=team, user=membership.user)  # who comes again comes last
    assert "ada, bob (owner)" not in bob.get("/teams/").content.decode()
    assert "bob (owner), eve, ada" in bob.get("/teams/").content.decode()
    bob.post(f"/members/{eve.pk}/remove/")
    assert set(team.members.values_list("username", flat=True)) == {"ada", "bob"}


def test_a_person_mails_few_invitations_a_day(member: Client, membership: Membership) -> None:
    path = f"/teams/{membership.team_id}/invite/"
    for n in range(membership_of.MOST_MAILS_A_DAY):
        link_of(member, membership.team, f"{n}@example.org")
    said = member.post(path, {"email": "more@example.org"}, follow=True).content.decode()
    assert f"{membership_of.MOST_MAILS_A_DAY} invitations of yours were mailed in 24 hours" in said
    assert len(mail.outbox) == Invitation.objects.count() == membership_of.MOST_MAILS_A_DAY
    assert link_of(member, membership.team)
    assert link_of(browser_of("bob", membership.team), membership.team, "more@example.org")
    Invitation.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert link_of(member, membership.team, "more@example.org")


def test_a_link_is_shown_although_the_mail_server_refuses(
    member: Client, membership: Membership, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    page = member.post(f"/teams/{membership.team_id}/invite/", {"email": "eve@example.org"}).content.decode()
    assert "The mail server did not take the mail to eve@example.org: pass the link on yourself." in page
    assert browser_of("eve").post(found_link(page)).status_code == 302


def test_a_mail_server_that_says_nothing_is_not_waited_for_long(membership: Membership, settings: Any) -> None:
    assert 0 < settings.EMAIL_TIMEOUT <= 15  # seconds of a web thread
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = *silent.getsockname(), 0.2
        assert not membership_of.mail_link("link", membership.team, membership.user, "eve@example.org")


def test_a_person_is_in_few_teams(member: Client, membership: Membership) -> None:
    for n in range(1, membership_of.MOST_TEAMS):
        assert member.post("/teams/", {"name": f"team {n}"}).status_code == 302
    said = member.post("/teams/", {"name": "one more"}).content.decode()
    assert f"a person is in at most {membership_of.MOST_TEAMS} teams: leave one of yours first" in said
    assert Team.objects.count() == membership_of.MOST_TEAMS
    others = Team.objects.create(name="Others")
    link = link_of(browser_of("bob", others), others)
    assert "a person is in at most" in member.post(link, follow=True).content.decode()
    assert member.post(link_of(member, membership.team)).status_code == 302  # where one is already
    Membership.objects.filter(user=membership.user, team__name="team 1").delete()
    member.post(link)  # the refusal has not used it up
    assert others.members.filter(username="ada").exists()
