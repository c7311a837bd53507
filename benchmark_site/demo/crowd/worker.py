"""A simulated annotator at the marketplace: signs up, joins a group, takes tasks and answers them."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import numpy as np
from numpy.typing import NDArray

from benchmark_site.demo.crowd.annotator import Annotator, Task
from benchmark_site.demo.crowd.browser import Browser, Lost, Page, SiteError
from benchmark_site.demo.crowd.sight import look, most_alike
from benchmark_site.demo.world.script import Clip

ACCEPT = "//form[@data-action='accept']"
ASKED_TO_LOG_IN = "//input[@type='password']"


class Library:
    """The clips that annotators know: by the sha256 of the file they watch, else by how it looks."""

    def __init__(self, films: Mapping[Path, Clip]) -> None:
        self._films = films
        self._clips = {clip.sha256: clip for clip in films.values()}
        self._watched: dict[str, Clip] = {}  # by path of a URL

    def recognise(self, browser: Browser, url: str) -> Clip:
        """The clip behind ``url``, which is downloaded once; raises SiteError when no script tells of it."""
        path = urlsplit(url).path
        if path not in self._watched:
            content = browser.watch(url)
            clip = self._clips.get(hashlib.sha256(content).hexdigest()) or self._by_look(content)
            if clip is None:
                raise SiteError(f"the video at {path} is in none of the scripts")
            self._watched[path] = clip
        return self._watched[path]

    def _by_look(self, content: bytes) -> Clip | None:
        try:
            best = most_alike(look(content), self._looks)
        except ValueError:
            return None
        return None if best is None else self._clips[best]

    @cached_property
    def _looks(self) -> dict[str, NDArray[np.float32]]:
        return {clip.sha256: look(file) for file, clip in self._films.items() if file.exists()}


class MarketplaceWorker:
    """One account at the marketplace at ``site``."""

    def __init__(self, annotator: Annotator, site: str, library: Library) -> None:
        self.annotator = annotator
        self._site = site.rstrip("/") + "/"
        self._library = library
        self.browser = Browser()
        self._group = ""  # address of the group of tasks at work
        self._may_hold_one = True  # an accepted task may be left from an earlier run or a lost answer

    def enter(self) -> None:
        """Log in unless the browser still is; the first time, sign up."""
        if self._open("worker/qualifications/").find(ASKED_TO_LOG_IN) is None:
            return
        # The last try is for a sign-up that has made the account but whose answer was lost.
        ways = ("accounts/login/", "accounts/signup/", "accounts/login/")
        if not any(self._give_password(way) for way in ways):
            raise SiteError(f"{self.annotator.name} can neither sign up nor log in at {self._site}")

    def qualify(self) -> bool:
        """Ask for every qualification on offer; True once one is held and no request is pending."""
        page = self._open("worker/qualifications/")
        asked = page.all("//form[@data-action='request-qualification']")
        for form in asked:
            self.browser.submit(page, form)
        pending = page.find("//article[@data-qualification-type]") is not None
        return not pending and page.find("//table//tbody/tr") is not None

    def work(self) -> str | None:
        """Do one task; its kind, or None when nothing is left for this worker."""
        assignment = self._take()
        if assignment is None:
            return None
        frame = self.browser.open(assignment.need("//iframe[@data-role='task']").get("src"))
        kind, checked = "again", frame
        if frame.find("//form[@data-role='submit']") is None:  # else an earlier answer waits to be sent on
            main = frame.need("//main[@data-kind]")
            kind = str(main.get("data-kind"))
            answer = self._answers()[kind](self._task(frame, main))
            checked = self.browser.submit(frame, frame.need("//form[@data-role='task-form']"), answer)
        handed_in = self.browser.submit(checked, checked.need("//form[@data-role='submit']"))
        self._group = handed_in.need("//a[@data-action='next']").get("href")
        if handed_in.status >= 400:
            raise SiteError(f"{handed_in.url} (status {handed_in.status}) says: {handed_in.text()}")
        return kind

    def _answers(self) -> dict[str, Callable[[Task], dict[str, str]]]:
        own = self.annotator
        return {"segment": own.segment, "query": own.query, "combined": own.segment_and_query, "qa": own.question}

    def _task(self, frame: Page, main: Any) -> Task:
        clip = self._library.recognise(self.browser, frame.need("//video[@data-role='clip']").get("src"))
        return Task(
            clip=clip,
            start=float(main.get("data-start", "0")),
            end=float(main.get("data-end", "0")),
            narration=frame.find("//ol[@data-role='subtitles']") is not None,
        )

    def _take(self) -> Page | None:
        """The page of an assignment: one that is still held, or else the next of a group."""
        while True:
            if self._may_hold_one:
                held = self._open("worker/work/").find("//tr[@data-status='Accepted']//a")
                if held is not None:
                    return self.browser.open(held.get("href"))
                self._may_hold_one = False
            preview = self._preview()
            if preview is None:
                return None
            try:
                page = self.browser.submit(preview, preview.need(ACCEPT), repeatable=False)
            except Lost:
                self._may_hold_one = True
                continue
            if page.find("//iframe[@data-role='task']") is not None:
                return page
            self._group = ""  # somebody else took the last one

    def _preview(self) -> Page | None:
        """A group with work for this worker: the one at work, or the first in the list."""
        if self._group:
            page = self.browser.open(self._group)
            if page.find(ACCEPT) is not None:
                return page
            self._group = ""
        for link in self._open("").all("//article[@data-hit-type]//a[@data-action='preview']"):
            page = self.browser.open(link.get("href"))
            if page.find(ACCEPT) is not None:
                return page
        return None

    def _give_password(self, path: str) -> bool:
        page = self._open(path)
        form = page.need(f"//form[.{ASKED_TO_LOG_IN}]")
        name = self.annotator.name
        password = f"paints and watches {self.annotator.seed} {name}"  # the seed is nobody's but the installation's
        after = self.browser.submit(page, form, {"username": name, "password": password})
        return after.find(ASKED_TO_LOG_IN) is None

    def _open(self, path: str) -> Page:
        return self.browser.open(urljoin(self._site, path))
