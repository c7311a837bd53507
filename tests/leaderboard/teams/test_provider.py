"""Logging in by a provider: a real one, over HTTP, and every lie that it or somebody else could tell."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from base64 import b32decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Thread
from typing import Any

import httpx
import pytest
import time_machine
from authlib.integrations.base_client import OAuthError
from django.conf import settings as live
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from joserfc.jwk import RSAKey

from benchmark_site.leaderboard.models import Identity, Team
from benchmark_site.leaderboard.teams import identities, openid, provider_client
from benchmark_site.leaderboard.teams.membership import invite
from tests.leaderboard.teams.provider import CLIENT, SECRET, Provider, serving

pytestmark = pytest.mark.django_db

PASSWORD = "long and odd 7"


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    with serving() as provider:
        settings.OIDC_ISSUER, settings.OIDC_NAME = provider.issuer, "Uni"
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = CLIENT, SECRET
        yield provider


def sent_back(browser: Client, address: str = "/login/provider/") -> str:
    """The address on our site that the provider sends the browser to."""
    there = browser.get(address)
    assert there.status_code == 302, there.content.decode()
    back = httpx.get(there["Location"]).headers["Location"]
    assert back.startswith(f"{live.SITE_URL}/login/provider/back/?")
    return back.removeprefix(live.SITE_URL)


def come(browser: Client, address: str = "/login/provider/") -> Any:
    return browser.get(sent_back(browser, address))


def who(browser: Client) -> str:
    """Whose session it is."""
    pk = browser.session.get("_auth_user_id")
    return User.objects.get(pk=pk).username if pk else ""


def test_without_a_provider_there_is_no_button_and_no_way(client: Client, settings: Any) -> None:
    settings.OPEN_SIGNUP = True
    assert not live.OIDC_ISSUER
    for page in ("/login/", "/signup/"):
        assert "/login/provider/" not in client.get(page).content.decode()
    for address in ("/login/provider/", "/login/provider/back/?code=1&state=2"):
        assert client.get(address).status_code == 400


def test_a_person_whom_the_provider_knows_makes_an_account_and_comes_again(settings: Any, provider: Provider) -> None:
    settings.OPEN_SIGNUP = True
    browser = Client()
    assert "Log in by Uni" in browser.get("/login/?next=/boards/").content.decode()
    assert "Make it by Uni" in browser.get("/signup/").content.decode()
    assert come(browser)["Location"].startswith("/signup/")
    page = browser.get("/signup/").content.decode()
    assert "eve@example.org" in page
    assert "password" not in page.partition("<main")[2].partition("</main")[0]
    User.objects.create_user("Eva")
    assert browser.post("/signup/", {"username": "eva"}).status_code == 400
    assert browser.post("/signup/", {"username": "eve"})["Location"] == "/teams/"
    user = User.objects.get(username="eve")
    assert (user.email, user.has_usable_password(), who(browser)) == ("eve@example.org", False, "eve")
    again = Client()
    provider.person["email"] = "another@example.org"  # a person is who they are, whatever their address
    assert come(again, "/login/provider/?next=/boards/")["Location"] == "/boards/"
    assert who(again) == "eve"


def test_where_accounts_are_made_by_invitation_the_provider_makes_none_without_one(provider: Provider) -> None:
    browser = Client()
    assert come(browser)["Location"].startswith("/signup/")
    assert browser.post("/signup/", {"username": "eve"}).status_code == 403
    boss = User.objects.create_user("boss", is_staff=True)
    team = Team.objects.create(name="Lab")
    team.memberships.create(user=boss)
    secret = invite(team, boss, "").rstrip("/").rpartition("/")[2]
    invited = come(browser, f"/login/provider/?invitation={secret}")["Location"]
    assert browser.post(invited, {"username": "eve"})["Location"] == "/teams/"
    assert set(team.members.values_list("username", flat=True)) == {"boss", "eve"}


def test_an_account_with_the_address_is_joined_by_its_password(provider: Provider) -> None:
    ada = User.objects.create_user("ada", "Eve@example.org", PASSWORD)
    browser = Client()
    answer = come(browser, "/login/provider/?next=/teams/")
    assert answer["Location"] == "/login/?next=%2Fteams%2F"
    assert not Identity.objects.exists()
    assert "Log in with its password this once" in browser.get(answer["Location"]).content.decode()
    joined = browser.post("/login/", {"username": "ada", "password": PASSWORD, "next": "/teams/"}, follow=True)
    assert "From now on Uni logs you in." in joined.content.decode()
    identity = Identity.objects.get()
    assert (identity.user, identity.issuer, identity.subject) == (ada, provider.issuer, "248289761001")
    again = Client()
    assert come(again)["Location"] == "/"
    assert who(again) == "ada"


def test_an_identity_joins_no_account_of_another_address(provider: Provider) -> None:
    """Somebody could bring another's browser to the provider as themselves, and wait for its password here."""
    User.objects.create_user("ada", "eve@example.org", PASSWORD)
    User.objects.create_user("bob", "bob@example.org", PASSWORD)
    browser = Client()
    come(browser)
    browser.post("/login/", {"username": "bob", "password": PASSWORD})
    browser.post("/logout/")
    browser.post("/login/", {"username": "ada", "password": PASSWORD})  # nothing waits any more
    assert not Identity.objects.exists()


def test_who_sits_at_the_browser_later_is_nobody_whom_the_provider_knew(settings: Any, provider: Provider) -> None:
    settings.OPEN_SIGNUP = True
    ada = User.objects.create_user("ada", "eve@example.org", PASSWORD)
    browser = Client()
    come(browser)
    assert "Uni knows you as" in browser.get("/signup/").content.decode()
    with time_machine.travel(timezone.now() + timedelta(seconds=identities.WAITS_S + 1)):
        assert "Uni knows you as" not in browser.get("/signup/").content.decode()
        browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert who(browser) == str(ada)
    assert not Identity.objects.exists()


@pytest.mark.parametrize("confirmed", [False, "false", None])
def test_an_address_that_is_not_confirmed_leads_nowhere(settings: Any, provider: Provider, confirmed: Any) -> None:
    settings.OPEN_SIGNUP = True
    User.objects.create_user("ada", "eve@example.org", PASSWORD)
    provider.person["email_verified"] = confirmed
    browser = Client()
    answer = come(browser)
    assert answer.status_code == 403
    assert "Uni has not confirmed your e-mail address" in answer.content.decode()
    browser.post("/login/", {"username": "ada", "password": PASSWORD})
    assert not Identity.objects.exists()


def test_an_address_that_only_the_userinfo_tells_is_read_there(settings: Any, provider: Provider) -> None:
    settings.OPEN_SIGNUP = True
    provider.userinfo_only = ("email", "email_verified", "preferred_username")
    browser = Client()
    come(browser)
    assert "eve@example.org" in browser.get("/signup/").content.decode()


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"}, {"aud": "another-site"}, {"aud": "another-site", "azp": CLIENT},
        {"iss": "https://evil.example"}, {"exp": int(time.time()) - 3600}, None,
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_this_log_in_opens_nothing(provider: Provider, lie: dict[str, Any] | None) -> None:
    user = User.objects.create_user("eve")
    Identity.objects.create(user=user, issuer=provider.issuer, subject=provider.person["sub"])
    if lie is None:
        provider.signs_with = RSAKey.generate_key(2048, {"kid": "1", "alg": "RS256", "use": "sig"})
    else:
        provider.lies = lie
    browser = Client()
    answer = come(browser)
    assert answer.status_code == 400
    assert "came to no end" in answer.content.decode()
    assert who(browser) == ""


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_nobody_has_signed_opens_nothing(provider: Provider, algorithm: str) -> None:
    """Providers list these for other sites; `HS256` is signed with the public key, as if that were a secret."""
    user = User.objects.create_user("eve")
    Identity.objects.create(user=user, issuer=provider.issuer, subject=provider.person["sub"])
    provider.algorithm = algorithm
    provider.more = {"id_token_signing_alg_values_supported": ["RS256", "none", "HS256"]}
    browser = Client()
    assert come(browser).status_code == 400
    assert who(browser) == ""


@pytest.mark.parametrize("subject", [None, True, 7, "", "a\0b", "\ud800", "ö", "x" * 256])
def test_a_subject_that_names_nobody_opens_nothing(settings: Any, provider: Provider, subject: Any) -> None:
    settings.OPEN_SIGNUP = True
    provider.lies = {"sub": subject}
    answer = come(Client())
    assert answer.status_code == 400
    assert "came to no end" in answer.content.decode()


@pytest.mark.parametrize("email", ["eve", "eve@example.org\n", "x" * 250 + "@example.org", ["eve@example.org"], 7])
def test_what_is_no_address_is_not_a_confirmed_one(settings: Any, provider: Provider, email: Any) -> None:
    settings.OPEN_SIGNUP = True
    provider.person["email"] = email
    assert come(Client()).status_code == 403


def test_a_name_that_no_page_shows_is_left_out(settings: Any, provider: Provider) -> None:
    settings.OPEN_SIGNUP = True
    provider.userinfo_only = ("email", "email_verified", "preferred_username")
    provider.person["preferred_username"] = "\ud800"
    browser = Client()
    come(browser)
    assert "eve@example.org" in browser.get("/signup/").content.decode()


def test_who_confirms_an_address_is_who_tells_it(settings: Any, provider: Provider) -> None:
    settings.OPEN_SIGNUP = True
    provider.userinfo_only = ("email",)
    provider.lies = {"email_verified": True}
    provider.person["email_verified"] = False
    assert come(Client()).status_code == 403


def test_another_issuer_than_the_configured_one_is_not_believed(provider: Provider) -> None:
    provider.more = {"issuer": "https://evil.example"}
    provider.lies = {"iss": "https://evil.example"}
    browser = Client()
    assert browser.get("/login/provider/").status_code == 502
    provider.more = provider.lies = {}  # and it is asked again
    assert browser.get("/login/provider/").status_code == 302


def test_an_issuer_may_end_in_a_slash(provider: Provider) -> None:
    provider.more, provider.lies = {"issuer": f"{provider.issuer}/"}, {"iss": f"{provider.issuer}/"}
    user = User.objects.create_user("eve")
    Identity.objects.create(user=user, issuer=provider.issuer, subject=provider.person["sub"])
    browser = Client()
    come(browser)
    assert who(browser) == "eve"


@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"])
def test_no_secret_is_sent_in_the_clear(endpoint: str) -> None:
    said = {"issuer": "https://id.example", endpoint: "http://id.example/x"}
    with pytest.raises(OAuthError, match=f"{endpoint}: 'http://id.example/x', expected an https address"):
        provider_client.check_metadata(said, "https://id.example")


@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b'"' + b"x" * 2**21 + b'"', b"[" * 100_000])
def test_an_answer_that_is_none_is_said(provider: Provider, body: bytes) -> None:
    provider.bodies["/.well-known/openid-configuration"] = body
    assert Client().get("/login/provider/").status_code == 502


@pytest.mark.parametrize("path", ["/jwks", "/token"])
@pytest.mark.parametrize("body", [b"[]", b'"x"', b"7", b"{}", b"\xff"])
def test_a_log_in_with_an_answer_that_is_none_comes_to_no_end(provider: Provider, path: str, body: bytes) -> None:
    user = User.objects.create_user("eve")
    Identity.objects.create(user=user, issuer=provider.issuer, subject=provider.person["sub"])
    provider.bodies[path] = body
    assert come(Client()).status_code == 400
    provider.bodies.clear()  # it was wrong for a moment
    assert come(Client()).status_code == 302


def test_a_provider_leads_to_no_other_place(provider: Provider, settings: Any) -> None:
    """Inside our network there is more that would answer."""
    asked = []

    class Sends(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"{provider.issuer}/.well-known/openid-configuration")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Sends) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        settings.OIDC_ISSUER = f"http://127.0.0.1:{server.server_address[1]}"
        provider.more = {"issuer": settings.OIDC_ISSUER}
        assert Client().get("/login/provider/").status_code == 502
        server.shutdown()
    assert asked == ["/.well-known/openid-configuration"]


def test_an_answer_in_drops_is_not_waited_for(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_client, "PROVIDER_S", 0.3)
    provider.rest_s = 0.05  # so the whole would take half a minute
    began = time.monotonic()
    assert Client().get("/login/provider/").status_code == 502
    assert time.monotonic() - began < 5


def test_a_slow_provider_holds_few_threads_of_the_site(provider: Provider) -> None:
    """Everybody may ask for it, and eight who wait would be all."""
    provider.goes_on.clear()

    def begin() -> bool:
        request = RequestFactory().get("/login/provider/")
        request.session = {}  # type: ignore[assignment]
        try:
            return isinstance(openid.send_there(request), HttpResponse)
        except openid.ProviderError:
            return False

    with ThreadPoolExecutor(openid.AT_ONCE + 3) as pool:
        begun = [pool.submit(begin) for _ in range(openid.AT_ONCE + 3)]
        first = [one.result() for one in islice(as_completed(begun, timeout=4), 3)]
        provider.goes_on.set()
        assert first == [False] * 3
    assert sum(one.result() for one in begun) == openid.AT_ONCE
    assert Client().get("/login/provider/").status_code == 302


def test_nobody_writes_lines_of_the_log(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    Client().get("/login/provider/back/?error=x&error_description=y%0A2026-01-01 ERROR all is lost")
    (said,) = [one.getMessage() for one in caplog.records if one.name == openid.__name__]
    assert "\n" not in said
    assert "all is lost" in said


def test_an_address_of_return_is_good_once_and_in_its_own_browser(provider: Provider) -> None:
    user = User.objects.create_user("eve")
    Identity.objects.create(user=user, issuer=provider.issuer, subject=provider.person["sub"])
    browser, other = Client(), Client()
    back = sent_back(browser)
    assert other.get(back).status_code == 400
    assert who(other) == ""
    assert browser.get(back).status_code == 302
    browser.post("/logout/")
    assert browser.get(back).status_code == 400
    assert browser.get("/login/provider/back/?error=access_denied&state=x").status_code == 400


def test_who_is_logged_in_is_not_sent_away(provider: Provider, admin_client: Client) -> None:
    assert admin_client.get("/login/provider/")["Location"] == "/"


def test_a_closed_account_stays_closed(provider: Provider) -> None:
    user = User.objects.create_user("eve", is_active=False)
    Identity.objects.create(user=user, issuer=provider.issuer, subject=provider.person["sub"])
    assert come(Client()).status_code == 403


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_it_leads_to_no_other_site(provider: Provider, elsewhere: str) -> None:
    user = User.objects.create_user("eve")
    Identity.objects.create(user=user, issuer=provider.issuer, subject=provider.person["sub"])
    assert come(Client(), f"/login/provider/?next={elsewhere}")["Location"] == "/"


def test_a_provider_that_is_away_is_said(settings: Any, provider: Provider) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:1"
    answer = Client().get("/login/provider/")
    assert answer.status_code == 502
    assert "Uni does not answer: log in with your password" in answer.content.decode()


def test_the_second_factor_is_asked_for_after_the_provider_too(settings: Any, provider: Provider) -> None:
    settings.SECOND_FACTOR = True
    user = User.objects.create_user("rea", "eve@example.org")
    user.set_unusable_password()
    user.save()
    user.groups.add(Group.objects.get(name="Requesters"))
    Identity.objects.create(user=user, issuer=provider.issuer, subject=provider.person["sub"])
    browser = Client()
    come(browser)
    assert browser.get("/batches/")["Location"].startswith("/second-factor/")
    page = browser.get("/second-factor/").content.decode()
    assert "Enter the code" in page  # there is no password that could be asked for
    key = b32decode(page.partition("<figcaption><code>")[2].partition("</code>")[0].replace(" ", ""))
    assert browser.post("/second-factor/", {"code": "000000"}).status_code == 400
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert browser.post("/second-factor/", {"code": f"{totp(key):06d}"}).status_code == 200
    assert browser.get("/batches/").status_code == 200
    again = Client()
    come(again)
    assert again.get("/batches/")["Location"].startswith("/second-factor/code/")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"OIDC_ISSUER": "https://id.example.org"}, "OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET"),
        (
            {"OIDC_ISSUER": "http://id.example.org", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b",
             "SITE_URL": "https://bench.example.org"},
            "OIDC_ISSUER must be an https address",
        ),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(given: dict[str, str], said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import benchmark_site.settings"],
        env={**os.environ, **given}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said in ended.stderr
