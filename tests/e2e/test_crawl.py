"""Strangers walk the demo: every link, every id up to 300, every path of the API. None tells of a hidden item."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from lxml import html

from tests.access.held_out import HeldOut, readable
from tests.access.walk import walk
from tests.e2e.conftest import Demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first test waits for the demo
PASSWORD = "correct-horse-battery"
HIGHEST_ID = 300
LINKS = "//a/@href | //iframe/@src | //video/@src | //*/@hx-get"
READ = ("text/html", "application/json", "text/csv")
UNITS = """
import json
from annotation.crowd.launch import external_question
from annotation.models import Hit
from xml.etree.ElementTree import fromstring
print(json.dumps([fromstring(external_question(hit)).findtext("{*}ExternalURL") for hit in Hit.objects.all()]))
"""
STRANGER = f"""
from django.contrib.auth.models import User
User.objects.create_user("eve", password="{PASSWORD}")
"""


@dataclass
class Walker:
    """Somebody's browser: where it was, with which status, and what hidden things were said there."""

    hidden: HeldOut
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, trust_env=False))
    seen: dict[str, int] = field(default_factory=dict)
    told: dict[str, list[str]] = field(default_factory=dict)

    def open(self, url: str, **headers: str) -> list[str]:
        """Read one address; returns where it leads to."""
        with self.http.stream("GET", url, headers=headers) as response:
            self.seen[url] = response.status_code
            kind = response.headers.get("Content-Type", "").partition(";")[0]
            found = [response.headers["Location"]] if response.is_redirect else []
            if kind in READ and response.read():
                if secrets := self.hidden.found_in(readable(response.content, kind)):
                    self.told[url] = secrets
                if kind == "text/html":
                    found += [str(link) for link in html.fromstring(response.content).xpath(LINKS)]
        return [urljoin(url, link).partition("#")[0] for link in found]

    def follow(self, start: str, sites: set[str]) -> None:
        """Every link of these sites, from this address on."""
        waiting = [start]
        while waiting:
            url = waiting.pop()
            if url not in self.seen and "{0.scheme}://{0.netloc}".format(urlsplit(url)) in sites:
                waiting += self.open(url)

    def count(self, site: str) -> None:
        """Every id on every address of the platform that takes one and shows something."""
        with ThreadPoolExecutor(4) as pool:
            for first, *others in numbered(site):
                self.open(first)
                if self.seen[first] != 405:  # else it only takes forms
                    list(pool.map(self.open, others))

    def call(self, site: str, **headers: str) -> None:
        """Every path of the API."""
        paths = self.http.get(f"{site}/api/openapi.json").json()["paths"]
        for path in paths:
            filled = path.format(
                slug="demo", version="1.0.0", task="moment", split="test", submission_id=uuid.UUID(int=1), batch_id=1,
                order="pause", upload_id=uuid.UUID(int=1),
            )  # fmt: skip
            self.open(site + filled, **headers)

    def send(self, url: str, **fields: str) -> httpx.Response:
        """Fill in the page's form that has these fields and send it."""
        page = html.fromstring(self.http.get(url).content, base_url=url)
        form = next(form for form in page.forms if fields.keys() <= set(form.fields.keys()))
        form.fields.update(fields)
        action = urljoin(url, form.action or url)
        return self.http.post(action, data=dict(form.form_values()), headers={"Referer": url}, follow_redirects=True)


def numbered(site: str) -> Iterator[list[str]]:
    for name, routes in walk("benchmark_site.access").routes.items():
        if "<int:pk>" in routes[0] and not name.startswith("admin:"):
            yield [site + routes[0].replace("<int:pk>", str(pk)) for pk in range(1, HIGHEST_ID + 1)]


@pytest.fixture(scope="module")
def hidden(demo: Demo) -> HeldOut:
    found = HeldOut.read(demo.home / "media/releases/demo-1.0.0")
    assert found.moments
    return found


def test_a_visitor_learns_nothing_hidden(demo: Demo, hidden: HeldOut) -> None:
    visitor = Walker(hidden)
    visitor.follow(demo.site, {demo.site, demo.marketplace})
    visitor.count(demo.site)
    visitor.call(demo.site)
    assert visitor.told == {}
    assert f"{demo.site}/boards/demo/1.0.0/moment/test/" in visitor.seen
    assert f"{demo.site}/clips/{HIGHEST_ID}/" in visitor.seen
    assert visitor.seen[f"{demo.site}/clips/1/"] == visitor.seen[f"{demo.site}/batches/1/"] == 302
    assert {status for url, status in visitor.seen.items() if "/api/" in url} == {401, 405}


def test_a_stranger_with_a_team_learns_nothing_hidden(demo: Demo, hidden: HeldOut) -> None:
    demo.manage("shell", "-c", STRANGER)
    stranger = Walker(hidden)
    assert stranger.send(f"{demo.site}/login/", username="eve", password=PASSWORD).status_code == 200
    assert "Curious" in stranger.send(f"{demo.site}/teams/", name="Curious").text
    token = re.search(r"hb_[\w-]{43}", stranger.send(f"{demo.site}/teams/", label="walk").text)
    assert token
    stranger.follow(demo.site, {demo.site})
    stranger.count(demo.site)
    stranger.call(demo.site, Authorization=f"Bearer {token[0]}")
    assert stranger.told == {}
    assert stranger.seen[f"{demo.site}/submissions/"] == stranger.seen[f"{demo.site}/api/tracks"] == 200
    assert stranger.seen[f"{demo.site}/clips/1/"] == stranger.seen[f"{demo.site}/batches/1/"] == 403


def test_a_worker_learns_nothing_hidden(demo: Demo, hidden: HeldOut) -> None:
    worker = Walker(hidden)
    password = demo.password_of("worker-01")
    assert (
        worker.send(f"{demo.marketplace}/accounts/login/", username="worker-01", password=password).status_code == 200
    )
    worker.follow(demo.marketplace, {demo.site, demo.marketplace})
    assert worker.seen[f"{demo.marketplace}/worker/work/"] == 200
    assert worker.told == {}


def test_an_old_address_of_a_task_is_over(demo: Demo, hidden: HeldOut) -> None:
    """Workers have seen the addresses of the tasks that they did; those of `once more` another test has opened."""
    worker = Walker(hidden)
    given = f"assignmentId=A&workerId=W&turkSubmitTo={demo.marketplace}"
    for unit in json.loads(demo.manage("shell", "-v", "0", "-c", UNITS).splitlines()[-1]):
        for query in ("", f"?{given}"):
            worker.open(demo.site + urlsplit(unit).path + query)
    assert worker.told == {}
    assert list(worker.seen.values()).count(410) >= 2 * 3 * 12


def test_the_public_files_hold_nothing_hidden(demo: Demo, hidden: HeldOut) -> None:
    folder = demo.home / "media/releases/demo-1.0.0"
    files = [path for path in folder.rglob("*.jsonl") if "held_out" not in path.parts]
    assert files
    assert [line for path in files for line in path.read_text().splitlines() if hidden.found_in(line)] == []
