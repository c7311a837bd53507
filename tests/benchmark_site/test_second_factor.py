"""A session without its second factor opens nothing; codes count once; a lost phone has a way back."""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

pytestmark = pytest.mark.django_db
Clock = time_machine.Traveller
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    """Stands still; a code is good for half a minute."""
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        yield clock


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password=PASSWORD)


@pytest.fixture
def requester() -> User:
    user = User.objects.create_user("rea", password=PASSWORD)
    user.groups.add(Group.objects.get(name="Requesters"))
    return user


def logged_in(user: User, to: str = "") -> tuple[Client, Any]:
    """A browser that has sent the password, and the page it ends on."""
    browser = Client()
    sent = {"username": user.username, "password": PASSWORD, "next": to}
    return browser, browser.post("/login/", sent, follow=True)


def code_of(key: bytes, later: int = 0) -> str:
    """What an app shows now, or so many half minutes later."""
    return f"{totp(key, drift=later):06d}"


def turned_on(browser: Client) -> tuple[bytes, list[str]]:
    """The app's key and the recovery codes."""
    page = browser.get("/second-factor/").content.decode()
    shown = re.search(r"<figcaption><code>([A-Z2-7 ]+)</code>", page)
    assert shown
    key = b32decode(shown[1].replace(" ", ""))
    answer = browser.post("/second-factor/", {"password": PASSWORD, "code": code_of(key)})
    codes = re.findall(r"<li><code>(\w+)</code>", answer.content.decode())
    assert len(set(codes)) == 10
    return key, codes


def test_without_it_nothing_changes(ann: User, requester: User) -> None:
    for user in (ann, requester):
        _, page = logged_in(user, "/teams/")
        assert page.request["PATH_INFO"] == "/teams/"


def test_a_session_that_lacks_the_code_opens_nothing(clock: Clock, requester: User) -> None:
    browser, _ = logged_in(requester)
    key, _ = turned_on(browser)
    assert browser.get("/batches/").status_code == 200  # the session in which it was turned on goes on
    clock.shift(60)
    browser, page = logged_in(requester, "/batches/")
    assert page.request["PATH_INFO"] == "/second-factor/code/"
    for name in ("home", "batches", "second-factor", "password_change", "teams", "videos", "releases"):
        answer = browser.get(reverse(name))
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/second-factor/code/"), name
    assert browser.post("/second-factor/", {"change": "off", "code": code_of(key)}).status_code == 302
    assert browser.get("/healthz").status_code == 200
    answer = browser.post("/second-factor/code/", {"code": code_of(key), "next": "/batches/"})
    assert (answer.status_code, answer["Location"]) == (302, "/batches/")
    assert browser.get("/batches/").status_code == 200


def test_the_admin_is_no_way_around() -> None:
    boss = User.objects.create_superuser("boss", password=PASSWORD)
    turned_on(logged_in(boss)[0])
    own = Client().post("/admin/login/?next=/admin/", {"username": "boss", "password": PASSWORD})
    assert (own.status_code, own["Location"].partition("?")[0]) == (302, "/login/")
    browser, page = logged_in(boss, "/admin/")
    assert page.request["PATH_INFO"] == "/second-factor/code/"
    assert browser.get("/admin/auth/user/")["Location"].startswith("/second-factor/code/")


def test_a_code_counts_once_and_wrong_ones_cost_time(clock: Clock, ann: User) -> None:
    key, _ = turned_on(logged_in(ann)[0])
    browser, _ = logged_in(ann)
    used = browser.post("/second-factor/code/", {"code": code_of(key)})  # the one that turned it on
    assert used.status_code == 400
    assert "not a code of now" in used.content.decode()
    clock.shift(0.5)
    assert browser.post("/second-factor/code/", {"code": code_of(key, 1)}).status_code == 400  # right, and too early
    clock.shift(5)
    assert browser.post("/second-factor/code/", {"code": code_of(key, 1)}).status_code == 302


def test_guesses_are_slowed_down(clock: Clock, ann: User) -> None:
    turned_on(logged_in(ann)[0])
    clock.shift(60)
    browser, _ = logged_in(ann)
    for _ in range(20):
        assert browser.post("/second-factor/code/", {"code": "000000"}).status_code == 400
    assert TOTPDevice.objects.get().throttling_failure_count == 1  # the others were not even looked at


def test_a_recovery_code_opens_once(ann: User) -> None:
    _, codes = turned_on(logged_in(ann)[0])
    for status in (302, 400):
        browser, _ = logged_in(ann)
        spaced = f"{codes[3][:4]} {codes[3][4:]}".upper()
        assert browser.post("/second-factor/code/", {"code": spaced}).status_code == status
    assert StaticToken.objects.count() == 9


def test_new_recovery_codes_take_the_place_of_the_old(clock: Clock, ann: User) -> None:
    browser, _ = logged_in(ann)
    key, old = turned_on(browser)
    clock.shift(60)
    page = browser.post("/second-factor/", {"change": "codes", "code": code_of(key)}).content.decode()
    new = re.findall(r"<li><code>(\w+)</code>", page)
    assert len(new) == 10
    assert not set(new) & set(old)
    assert set(StaticToken.objects.values_list("token", flat=True)) == set(new)


def test_it_is_turned_off_with_a_code(clock: Clock, ann: User) -> None:
    browser, _ = logged_in(ann)
    key, _ = turned_on(browser)
    assert browser.post("/second-factor/", {"change": "off", "code": "123"}).status_code == 400
    clock.shift(60)
    assert browser.post("/second-factor/", {"change": "off", "code": code_of(key)}).status_code == 302
    _, page = logged_in(ann, "/teams/")
    assert page.request["PATH_INFO"] == "/teams/"
    assert not StaticToken.objects.exists()


def test_an_open_session_alone_turns_nothing_on(ann: User) -> None:
    browser, _ = logged_in(ann)
    browser.get("/second-factor/")
    device = TOTPDevice.objects.get()
    answer = browser.post("/second-factor/", {"password": "guessed", "code": code_of(device.bin_key)})
    assert answer.status_code == 400
    assert "This is not your password" in answer.content.decode()
    answer = browser.post("/second-factor/", {"password": PASSWORD, "code": "abc"})
    assert answer.status_code == 400
    assert not TOTPDevice.objects.get().confirmed


def test_where_it_is_wanted_who_sees_what_is_collected_sets_it_up_first(
    clock: Clock, settings: Any, ann: User, requester: User
) -> None:
    settings.SECOND_FACTOR = True
    _, page = logged_in(ann, "/teams/")
    assert page.request["PATH_INFO"] == "/teams/"
    browser, page = logged_in(requester, "/batches/")
    assert page.request["PATH_INFO"] == "/second-factor/"
    assert browser.get("/batches/").status_code == 302
    key, _ = turned_on(browser)
    assert browser.get("/batches/").status_code == 200
    clock.shift(60)
    refused = browser.post("/second-factor/", {"change": "off", "code": code_of(key)})
    assert "needs a second factor here" in refused.content.decode()
    assert TOTPDevice.objects.filter(confirmed=True).exists()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_it_leads_nowhere_else(clock: Clock, ann: User, elsewhere: str) -> None:
    key, _ = turned_on(logged_in(ann)[0])
    clock.shift(60)
    browser, _ = logged_in(ann)
    answer = browser.post("/second-factor/code/", {"code": code_of(key), "next": elsewhere})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_the_key_of_a_session_changes_with_the_code(clock: Clock, ann: User) -> None:
    key, _ = turned_on(logged_in(ann)[0])
    clock.shift(60)
    browser, _ = logged_in(ann)
    before = browser.session.session_key
    browser.post("/second-factor/code/", {"code": code_of(key)})
    assert browser.session.session_key != before


def test_the_admin_shows_no_key_and_takes_a_lost_phone_off(ann: User) -> None:
    key, _ = turned_on(logged_in(ann)[0])
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss", password=PASSWORD))
    device = TOTPDevice.objects.get()
    page = boss.get(f"/admin/otp_totp/totpdevice/{device.pk}/change/").content.decode()
    assert key.hex() not in page
    boss.post(f"/admin/otp_totp/totpdevice/{device.pk}/delete/", {"post": "yes"})
    _, page = logged_in(ann, "/teams/")
    assert page.request["PATH_INFO"] == "/teams/"


def test_a_session_that_waits_goes_on_when_the_lost_phone_is_taken_off(ann: User) -> None:
    turned_on(logged_in(ann)[0])
    browser, page = logged_in(ann, "/teams/")
    assert page.request["PATH_INFO"] == "/second-factor/code/"
    TOTPDevice.objects.all().delete()
    page = browser.get("/teams/", follow=True)
    assert page.request["PATH_INFO"] == "/teams/"


def test_a_session_that_was_to_set_one_up_is_asked_for_the_code_of_the_one_that_is_there_by_now(
    clock: Clock, settings: Any, requester: User
) -> None:
    settings.SECOND_FACTOR = True
    early, _ = logged_in(requester)
    key, _ = turned_on(logged_in(requester)[0])
    clock.shift(60)
    page = early.get("/batches/", follow=True)
    assert page.request["PATH_INFO"] == "/second-factor/code/"
    early.post("/second-factor/code/", {"code": code_of(key)})
    assert early.get("/batches/").status_code == 200
