"""A marketplace as a real process, and the people who use it: requesters by boto3, workers by pages and forms."""

from __future__ import annotations

import atexit
import contextlib
import functools
import logging
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import psycopg
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-battery"
EXTERNAL = (
    '<ExternalQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/'
    'ExternalQuestion.xsd"><ExternalURL>{url}</ExternalURL><FrameHeight>0</FrameHeight></ExternalQuestion>'
)
HTML_QUESTION = (
    '<HTMLQuestion xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2011-11-11/'
    'HTMLQuestion.xsd"><HTMLContent><![CDATA[{html}]]></HTMLContent><FrameHeight>450</FrameHeight></HTMLQuestion>'
)
FORM = (
    '<QuestionForm xmlns="http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2017-11-06/'
    'QuestionForm.xsd">{questions}</QuestionForm>'
)


def external(url: str = "https://tasks.example.org/t/1?s=a&amp;b=c") -> str:
    return EXTERNAL.format(url=url)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def scratch_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """A database of its own on the server of this URL, a copy of `template`, dropped at the end."""
    name = f"marketplace_test_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@functools.cache
def migrated(server_url: str) -> str:
    """Name of a database with the marketplace's tables, to be copied: migrating takes seconds. Dropped at the end."""
    database = contextlib.ExitStack()
    atexit.register(_close_while_the_server_runs, database)
    url = database.enter_context(scratch_database(server_url))
    variables = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "annotation.marketplace.settings",
        "MARKETPLACE_DATABASE_URL": url,
        "MARKETPLACE_SECRET_KEY": secrets.token_urlsafe(50),
        "MARKETPLACE_URL": "http://127.0.0.1",
    }
    Site("", variables, 0, 0).manage("migrate", "--verbosity", "0")
    return urlsplit(url).path.removeprefix("/")


def _close_while_the_server_runs(database: contextlib.ExitStack) -> None:
    with contextlib.suppress(psycopg.OperationalError):  # a server of this run alone has gone with its data
        database.close()


@dataclass
class Site:
    """A running marketplace."""

    url: str
    environment: dict[str, str]
    hook_port: int  # of this machine, where notifications may be posted to
    task_port: int  # of this machine, from where tasks may be framed
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, verify=False))
    _crowd: list[WorkerBrowser] = field(default_factory=list)

    @property
    def database_url(self) -> str:
        return self.environment["MARKETPLACE_DATABASE_URL"]

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "django", *arguments]
        result = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def requester(self, balance: str = "10000.00", retries: int = 3) -> Any:
        """A boto3 client of a new requester account."""
        return self.client(*self.account(balance), retries)

    def account(self, balance: str = "10000.00") -> tuple[str, str]:
        """The keys of a new requester account; by SQL, since a command takes seconds to start."""
        key, secret = "AK" + secrets.token_hex(9).upper(), secrets.token_hex(20)
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                "INSERT INTO marketplace_requester (public_id, name, access_key, secret, active, available, on_hold,"
                " created_at) VALUES (%s, %s, %s, %s, true, %s, 0, now()) RETURNING id",
                [f"A{key}", f"Video lab {key}", key, secret, balance],
            ).fetchone()
            assert row is not None
            connection.execute(
                "INSERT INTO marketplace_ledgerentry (requester_id, kind, amount, at)"
                " VALUES (%s, 'deposit', %s, now())",
                [row[0], balance],
            )
        return key, secret

    def crowd(self, size: int) -> list[WorkerBrowser]:
        """Workers that tests share, since signing up costs a third of a second of password hashing each."""
        self._crowd += self.workers(max(0, size - len(self._crowd)))
        return self._crowd[:size]

    def workers(self, count: int) -> list[WorkerBrowser]:
        """So many new ones."""
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: self.worker(), range(count)))

    def client(self, key: str, secret: str, retries: int = 3) -> Any:
        return boto3.client(
            "mturk",
            endpoint_url=self.url + "/api",
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": retries, "mode": "standard"}, read_timeout=30),
        )

    def faults(self, **order: Any) -> dict[str, Any]:
        response = self.http.post(f"{self.url}/faults", json=order)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def advance(self, seconds: float) -> None:
        self.faults(advance_s=seconds)

    def worker(self, name: str | None = None) -> WorkerBrowser:
        return WorkerBrowser(self, name or f"worker-{secrets.token_hex(5)}")


class Page(HTMLParser):
    """The links and forms of a page, by their data-action."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response, self.text, self.status = response, response.text, response.status_code
        self.links: dict[str, str] = {}
        self.forms: list[dict[str, Any]] = []
        self.hit_types: list[str] = []
        self.frame: str | None = None
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and "data-action" in given:
            self.links.setdefault(str(given["data-action"]), str(given["href"]))
        elif tag == "article" and "data-hit-type" in given:
            self.hit_types.append(str(given["data-hit-type"]))
        elif tag == "iframe" and given.get("data-role") == "task":
            self.frame = str(given["src"])
        elif tag == "form":
            self.forms.append({"action": given.get("data-action"), "url": given.get("action"), "fields": {}})
        elif tag == "input" and self.forms and given.get("type") == "hidden" and given.get("name"):
            self.forms[-1]["fields"][str(given["name"])] = given.get("value") or ""

    def form(self, action: str) -> dict[str, Any]:
        return next(form for form in self.forms if form["action"] == action)

    def parameter(self, name: str) -> str:
        assert self.frame is not None
        return parse_qs(urlsplit(self.frame).query)[name][0]


class WorkerBrowser:
    """A worker without a screen: follows pages and forms, nothing else."""

    def __init__(self, site: Site, name: str) -> None:
        self.site, self.name = site, name
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self.http = httpx.Client(base_url=site.url, follow_redirects=True, timeout=30, verify=False)
        self.frame = httpx.Client(timeout=30, verify=False)  # the task's page has no cookies of the site
        page = self.get("/accounts/signup/")
        data = {**page.forms[0]["fields"], "username": name, "password": PASSWORD}
        assert self.post("/accounts/signup/", data).status == 200
        found = re.search(r'data-field="worker-id">([A-Z0-9]+)<', self.get("/worker/work/").text)
        assert found is not None
        self.id = found[1]

    def get(self, path: str) -> Page:
        return Page(self.http.get(path))

    def post(self, path: str, data: dict[str, Any], files: Any = None) -> Page:
        return Page(self.http.post(path, data=data, files=files, headers={"Referer": self.site.url}))

    def press(self, page: Page, action: str, **values: Any) -> Page:
        form = page.form(action)
        return self.post(form["url"] or str(page.response.url), {**form["fields"], **values})

    def accept(self, hit_type_id: str) -> Page:
        """The assignment page, or the list with a message when nothing is left."""
        token = self.get(f"/groups/{hit_type_id}/").forms[0]["fields"]["csrfmiddlewaretoken"]
        return self.post(f"/groups/{hit_type_id}/accept/", {"csrfmiddlewaretoken": token})

    def submit(self, assignment: Page, **answers: str) -> Page:
        """As the frame's form does it: no cookie, to turkSubmitTo."""
        data = {
            "assignmentId": assignment.parameter("assignmentId"),
            "workerId": assignment.parameter("workerId"),
            **(answers or {"answer": "42"}),
        }
        url = assignment.parameter("turkSubmitTo") + "/mturk/externalSubmit"
        return Page(self.frame.post(url, data=data))

    def do(self, hit_type_id: str, **answers: str) -> str:
        """Accept and submit one assignment of a group; its AssignmentId."""
        page = self.accept(hit_type_id)
        assert page.frame is not None, page.text
        assert self.submit(page, **answers).status == 200
        return page.parameter("assignmentId")

    def table(self) -> str:
        return unescape(self.get("/worker/work/").text)


@contextlib.contextmanager
def running_site(server_url: str, log: Path, **environment: str) -> Iterator[Site]:
    """A migrated marketplace under gunicorn on a free port, as `make up` runs it."""
    port, hook_port, task_port = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    with scratch_database(server_url, migrated(server_url)) as database_url:
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MARKETPLACE_", "AWS_"))},
            "DJANGO_SETTINGS_MODULE": "annotation.marketplace.settings",
            "MARKETPLACE_DATABASE_URL": database_url,
            "MARKETPLACE_SECRET_KEY": secrets.token_urlsafe(50),
            "MARKETPLACE_URL": url,
            "MARKETPLACE_OPEN_SIGNUP": "true",
            "MARKETPLACE_FAULTS": "true",
            "MARKETPLACE_NOTIFY_ORIGINS": f"http://127.0.0.1:{hook_port}",
            # localhost and 127.0.0.1 are different sites for a browser, as they are in real life.
            "MARKETPLACE_FRAME_ORIGINS": f"https:,http://localhost:{task_port}",
            **environment,
        }
        site = Site(url, variables, hook_port, task_port)
        command = [
            sys.executable, "-m", "gunicorn", "annotation.marketplace.wsgi", "--bind", f"127.0.0.1:{port}",
            "--workers", "2", "--threads", "8", "--graceful-timeout", "2", "--keep-alive", "75", "--no-control-socket",
            "--preload",
        ]  # fmt: skip
        with log.open("wb") as output:
            server = subprocess.Popen(
                command, env=variables, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
            )
        try:
            _wait_until_healthy(url, server, log)
            yield site
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # with its workers: nobody waits for an answer any more
            server.wait(10)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the marketplace did not answer within a minute:\n{log.read_text()}")
