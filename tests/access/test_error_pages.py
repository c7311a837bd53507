"""Refusals and faults in the site's own clothes, and in the task's frame in a page that the frame may show."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client

from annotation.crowd.launch import UNIT_SALT

pytestmark = pytest.mark.django_db


def in_the_sites_clothes(page: str) -> bool:
    return 'class="brand"' in page and "<h1>" in page and "<main" in page


def test_what_is_not_there_is_said_with_the_navigation(client: Client) -> None:
    page = client.get("/nowhere/")
    assert page.status_code == 404
    assert in_the_sites_clothes(page.content.decode())
    assert "/boards/" in page.content.decode()


def test_a_refusal_names_the_account(client: Client) -> None:
    client.force_login(User.objects.create_user("ada"))
    page = client.get("/batches/")
    assert page.status_code == 403
    assert in_the_sites_clothes(page.content.decode())
    assert "You are logged in as ada" in page.content.decode()


def test_a_forged_form_is_refused_in_the_sites_clothes() -> None:
    page = Client(enforce_csrf_checks=True).post("/login/", {"username": "a", "password": "b"})
    assert page.status_code == 403
    assert in_the_sites_clothes(page.content.decode())
    assert "The form was not taken" in page.content.decode()


@pytest.mark.parametrize(
    ("path", "fault", "words"),
    [
        ("/boards/", "benchmark_site.leaderboard.boards.views.render", 'class="brand"'),
        (
            f"/task/{signing.dumps(1, salt=UNIT_SALT)}/",
            "annotation.pages.task.frame.find_hit",
            "Reload the page in a moment",
        ),
    ],
    ids=["site", "task"],  # a signature has the time in it
)
def test_a_fault_of_ours_is_a_page(path: str, fault: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(fault, fail)
    page = Client(raise_request_exception=False).get(path)
    assert page.status_code == 500
    assert "Something went wrong on our side" in page.content.decode()
    assert words in page.content.decode()
    assert ("X-Frame-Options" in page) == (path == "/boards/")
