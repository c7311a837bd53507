"""The pages in Chromium: no console error, no sideways scrolling at 360 px, nothing that axe finds, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from annotation.models import AnnotationImport, Query
from benchmark_site.releases.models import Item, Release, Suspect
from tests.browsing import Visit, assert_fit, visits
from tests.releases.conftest import frozen_without_matching, small_release

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Visit]:
    """As a requester sees it."""
    client = Client()
    client.force_login(User.objects.create_user("ann", is_staff=True))
    with visits(browser, live_server.url, client) as visit:
        yield visit


@pytest.fixture
def release(corpus, tmp_path: Path) -> Release:
    """A second version, so that there is something to compare, with one item left out and one import."""
    corpus(6)
    frozen_without_matching(small_release("demo", "0.9.0"))
    Query.objects.filter(pk=Query.objects.earliest("pk").pk).update(text=" \u202e ")
    (tmp_path / "r.csv").write_text(
        "abcdefghijk,[0:60],[1:5],A man opens the door\nabcdefghijk,[0:60],[9:5],The wrong way round\n"
    )
    call_command("import_annotations", "how2r", str(tmp_path / "r.csv"))
    return frozen_without_matching(small_release("demo", "1.0.0"), doubt)


def doubt() -> None:
    """A wrong option of each question may be right."""
    for item in Item.objects.filter(release__version="1.0.0", kind="qa"):
        option = (item.answer_index + 1) % 4
        Suspect.objects.create(item=item, option=option, reason="shares most words with the right answer", score=0.7)


@pytest.mark.slow
def test_every_page_is_fit_for_a_phone_and_for_everybody(visit, release):
    item = release.items.filter(kind="qa", split="train").first()
    url = release.get_absolute_url()
    paths = {
        "release": url,
        "items": f"{url}items/?q=the",
        "item": f"{url}items/qa/{item.public_id}/",
        "left-out": f"{url}left-out/",
        "suspects": f"{url}suspects/",
        "new-release": "/releases/new/",
        "correct": f"/items/moment/{Query.objects.latest('pk').public_id}/",
        "imports": "/imports/",
        "import": AnnotationImport.objects.get().get_absolute_url(),
    }
    for path in paths.values():
        for size, scheme in (("phone", "light"), ("phone", "dark"), ("desk", "light")):
            assert_fit(visit(path, size, scheme))
