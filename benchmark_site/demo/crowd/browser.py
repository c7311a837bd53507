"""Pages and forms of a web site, used over HTTP as a person's browser does."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from lxml import html

PATIENCE_SECONDS = 60.0  # how long a site may be away, for instance while it is started again
LONGEST_PAUSE_SECONDS = 5.0
LARGEST_VIDEO = 500_000_000

Answer = TypeVar("Answer")


class SiteError(Exception):
    """A site does not answer, or answers something that a worker cannot go on with."""


class Lost(SiteError):
    """The answer to a form did not arrive: whether the site has acted on it is unknown."""


class Page:
    """A page that was answered, with its links made absolute."""

    def __init__(self, response: httpx.Response) -> None:
        self.url = str(response.url)
        self.status = response.status_code
        self._tree = html.fromstring(response.content or b"<html></html>", base_url=self.url)
        self._tree.make_links_absolute(self.url)

    def all(self, xpath: str) -> list[Any]:
        """Elements, in order."""
        return list(self._tree.xpath(xpath))

    def find(self, xpath: str) -> Any | None:
        """The first element, or None."""
        return next(iter(self.all(xpath)), None)

    def need(self, xpath: str) -> Any:
        """The first element; raises SiteError with what the page says instead."""
        found = self.find(xpath)
        if found is None:
            raise SiteError(f"{self.url} (status {self.status}) has no {xpath}; it says: {self.text()}")
        return found

    def text(self) -> str:
        """The alert, or else the main words of the page, shortened."""
        told = self.find("//*[@role='alert']")
        words = self.find("//main") if told is None else told
        return " ".join((self._tree if words is None else words).text_content().split())[:300]


class Browser:
    """One person's browser: cookies, redirects, and patience when a site is away for a while."""

    def __init__(self) -> None:
        self._client = httpx.Client(follow_redirects=True, timeout=30.0, trust_env=False)

    def cookies(self) -> list[dict[str, str]]:
        """What the sites have left here, to be given to ``remember`` of a later browser."""
        return [
            {"name": cookie.name, "value": cookie.value or "", "domain": cookie.domain, "path": cookie.path}
            for cookie in self._client.cookies.jar
        ]

    def remember(self, cookies: list[dict[str, str]]) -> None:
        for cookie in cookies:
            self._client.cookies.set(**cookie)

    def open(self, url: str) -> Page:
        """Raises SiteError when the site stays away for a minute or refuses."""
        return self._patiently(lambda: self._page(self._client.get(url)))

    def submit(
        self, page: Page, form: Any, values: Mapping[str, str] | None = None, *, repeatable: bool = True
    ) -> Page:
        """Fill in and send a form of a page, hidden fields included.

        A form that may be sent twice with the same effect is sent again when the answer is lost; with
        ``repeatable=False`` that raises Lost, so that the caller can look what has become of it.
        """
        for name, value in (values or {}).items():
            form.fields[name] = value
        filled = dict(form.form_values())
        parts = urlsplit(page.url)
        headers = {"Origin": f"{parts.scheme}://{parts.netloc}", "Referer": page.url}
        action = form.action or page.url

        def send() -> Page:
            return self._page(self._client.post(action, data=filled, headers=headers))

        if repeatable:
            return self._patiently(send)
        try:
            return send()
        except httpx.TransportError as error:
            raise Lost(f"{action}: {error}") from error

    def watch(self, url: str) -> bytes:
        """Watch a video: its bytes."""
        return self._patiently(lambda: self._content(url))

    def _content(self, url: str) -> bytes:
        content = bytearray()
        with self._client.stream("GET", url) as response:
            if response.status_code >= 400:
                _refused(response)
            for part in response.iter_bytes():
                content += part
                if len(content) > LARGEST_VIDEO:
                    raise SiteError(f"{url} is larger than {LARGEST_VIDEO} bytes")
        return bytes(content)

    @staticmethod
    def _page(response: httpx.Response) -> Page:
        if response.status_code >= 500:
            _refused(response)
        return Page(response)

    @staticmethod
    def _patiently(ask: Callable[[], Answer]) -> Answer:
        """Repeat while the connection fails or the server has trouble."""
        pause, deadline = 0.1, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return ask()
            except httpx.TransportError as error:
                if time.monotonic() + pause > deadline:
                    raise SiteError(f"no usable answer for {PATIENCE_SECONDS:.0f} s: {error}") from error
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _refused(response: httpx.Response) -> None:
    """A server in trouble counts as a broken connection, anything else is final."""
    problem = f"{response.request.method} {response.url} answered {response.status_code}"
    if response.status_code >= 500:
        raise httpx.RemoteProtocolError(problem, request=response.request)
    raise SiteError(problem)
