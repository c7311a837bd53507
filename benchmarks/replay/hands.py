"""A worker's browser without a screen: connections that stay open, the pages and forms of both sites, no script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from lxml import html

from benchmarks.replay.wire import Wire
from tests.marketplace.site import WorkerBrowser

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """What a site answered."""

    address: str
    status: int
    location: str
    body: bytes

    @property
    def document(self) -> Any:
        """Its page. Raises RuntimeError where it is an error's."""
        if self.status != 200:
            raise RuntimeError(f"{self.address} answered {self.status}: {self.body[:2000]!r}")
        return html.fromstring(self.body.decode())


class Hands:
    """One worker at tasks of one group, whose page he keeps open: its button takes the next task, as often as he likes.

    The frame's pages get no cookie: they are of another site.
    """

    def __init__(self, worker: WorkerBrowser, hit_type: str) -> None:
        self.marketplace, self.hit_type = worker.site.url, hit_type
        self.cookies = "; ".join(f"{name}={value}" for name, value in worker.http.cookies.items())
        self.wires: dict[str, Wire] = {}
        self.token = worker.get(f"/groups/{hit_type}/").forms[0]["fields"]["csrfmiddlewaretoken"]

    def accept(self) -> str | None:
        """Take a task: the address of its frame, or None where nothing is left."""
        pressed = f"{self.marketplace}/groups/{self.hit_type}/accept/"
        taken = self._ask(pressed, {"csrfmiddlewaretoken": self.token}, cookies=True)
        if taken.status != 302:
            raise RuntimeError(f"{pressed} answered {taken.status}: {taken.body[:2000]!r}")
        if not taken.location.startswith("/assignments/"):
            return None
        page = self._ask(urljoin(self.marketplace, taken.location), cookies=True).document
        return str(page.xpath("//iframe[@data-role='task']/@src")[0])

    def open(self, frame: str) -> str:
        """Look at a task: the token that goes with its answer."""
        return str(self._ask(frame).document.xpath("//input[@name='token']/@value")[0])

    def send(self, frame: str, answer: Mapping[str, Any], token: str) -> None:
        """Send the form, and what comes back of it on to the marketplace. Raises RuntimeError where one is refused."""
        received = self._ask(frame.partition("?")[0], {**answer, "token": token}).document
        form = received.xpath("//form[@data-role='submit']")[0]
        fields = {field.get("name"): field.get("value", "") for field in form.xpath(".//input[@name]")}
        sent = self._ask(form.get("action"), fields)
        if sent.status != 200:
            raise RuntimeError(f"{sent.address} answered {sent.status}: {sent.body[:2000]!r}")

    def close(self) -> None:
        for wire in self.wires.values():
            wire.close()

    def _ask(self, address: str, form: Mapping[str, Any] | None = None, *, cookies: bool = False) -> Answer:
        parts = urlsplit(address)
        wire = self.wires.setdefault(parts.netloc, Wire(parts.netloc))
        headers = {"Referer": self.marketplace, **({"Cookie": self.cookies} if cookies else {})}
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if form is None:
            return Answer(address, *wire.ask("GET", path, headers))
        return Answer(address, *wire.ask("POST", path, {**headers, "Content-Type": FORM}, urlencode(form).encode()))
