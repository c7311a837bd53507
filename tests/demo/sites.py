"""The marketplace's and the platform's pages, as little of them as the simulated crowd needs, in memory.

It keeps the two promises that matter to a worker's browser: forms need their hidden fields and their session, and an
answer may get lost on the way although the site has acted on it.
"""

import html
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

GROUPS = ("segment", "query", "qa")
FIELDS = {
    "segment": ("start", "end"),
    "query": ("query", "based_on"),
    "qa": ("question", "correct", "wrong_1", "wrong_2", "wrong_3"),
}


@dataclass
class Hit:
    kind: str
    clip: str
    start: float = 0.0
    end: float = 0.0
    left: int = 2
    takers: list[str] = field(default_factory=list)


@dataclass
class Sites:
    """State of both sites. ``lose`` holds numbers of requests whose answer is lost after the site has acted."""

    clips: dict[str, Path]
    subtitles: dict[str, list[tuple[float, float, str]]]
    lose: set[int] = field(default_factory=set)
    url: str = ""
    requests: int = 0
    downloads: int = 0
    logins: int = 0
    sessions: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    accepted: dict[str, tuple[str, int]] = field(default_factory=dict)
    answers: dict[tuple[int, str], dict[str, str]] = field(default_factory=dict)

    def ask_about_segments(self) -> None:
        """Open the second stage: each marked segment is described and asked about."""
        marked = [(self.hits[n], a) for (n, _), a in sorted(self.answers.items()) if self.hits[n].kind == "segment"]
        for hit, answer in marked:
            for kind in ("query", "qa"):
                self.hits.append(Hit(kind, hit.clip, float(answer["start"]), float(answer["end"]), left=1))

    def open_hits(self, worker: str) -> list[int]:
        kind = self.groups.get(worker)
        return [n for n, hit in enumerate(self.hits) if hit.kind == kind and hit.left and worker not in hit.takers]


class Handler(BaseHTTPRequestHandler):
    sites: Sites
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # head and body in one packet

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._handle({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}
        assert self.headers["Origin"] == self.sites.url
        self._handle(sent)

    def _handle(self, sent: dict[str, str]) -> None:
        sites = self.sites
        sites.requests += 1
        number = sites.requests
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        session = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        self.worker = sites.sessions.get(session.value, "") if session else ""
        step, _, rest = parts.path.strip("/").partition("/")
        status, headers, body = getattr(self, f"page_{step or 'groups'}")(rest, sent)
        if number in sites.lose:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(status)
        for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        data = body if isinstance(body, bytes) else f"<!doctype html><main>{body}</main>".encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def page_accounts(self, which: str, sent: dict[str, str]) -> tuple[int, dict[str, str], str]:
        name = sent.get("username", "")
        fine = bool(sent.get("csrf")) and (
            name not in self.sites.passwords
            if which == "signup"
            else self.sites.passwords.get(name) == sent.get("password")
        )
        if not fine:
            fields = "<input type=hidden name=csrf value=x><input name=username><input type=password name=password>"
            return 200, {}, f"<form method=post>{fields}</form>"
        self.sites.logins += 1
        self.sites.passwords[name] = sent["password"]
        key = secrets.token_hex(8)
        self.sites.sessions[key] = name
        return 302, {"Location": "/", "Set-Cookie": f"session={key}; Path=/"}, ""

    def page_worker(self, which: str, sent: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if not self.worker:
            return 302, {"Location": "/accounts/login/"}, ""
        if which == "work":
            held = [key for key, (worker, _) in self.sites.accepted.items() if worker == self.worker]
            rows = "".join(f"<tr data-status=Accepted><td><a href=/assignment/{key}>go on</a></tr>" for key in held)
            return 200, {}, f"<table>{rows}</table>"
        if sent and self.worker not in self.sites.groups:
            self.sites.groups[self.worker] = GROUPS[len(self.sites.groups) % 3]
        if self.worker in self.sites.groups:
            return 200, {}, "<table><tbody><tr><td>group</tbody></table>"
        form = "<form method=post data-action=request-qualification><input type=hidden name=csrf value=x></form>"
        return 200, {}, f"<article data-qualification-type=Q>{form}</article>"

    def page_groups(self, rest: str, sent: dict[str, str]) -> tuple[int, dict[str, str], str]:
        kind = self.sites.groups.get(self.worker, "")
        if not self.sites.open_hits(self.worker):
            return 200, {}, "Nothing is open for you."
        return 200, {}, f"<article data-hit-type={kind}><a data-action=preview href=/group/{kind}>Preview</a></article>"

    def page_group(self, kind: str, sent: dict[str, str]) -> tuple[int, dict[str, str], str]:
        todo = self.sites.open_hits(self.worker)
        if not sent:
            form = "<form method=post data-action=accept><input type=hidden name=csrf value=x></form>"
            return 200, {}, form if todo else "Nothing is left."
        if not todo:
            return 302, {"Location": "/"}, ""
        key = secrets.token_hex(4)
        self.sites.accepted[key] = (self.worker, todo[0])
        self.sites.hits[todo[0]].takers.append(self.worker)
        self.sites.hits[todo[0]].left -= 1
        return 302, {"Location": f"/assignment/{key}"}, ""

    def page_assignment(self, key: str, sent: dict[str, str]) -> tuple[int, dict[str, str], str]:
        return 200, {}, f"<iframe data-role=task src=/task/{key}></iframe>"

    def page_task(self, key: str, sent: dict[str, str]) -> tuple[int, dict[str, str], str]:
        _, number = self.sites.accepted[key]
        hit = self.sites.hits[number]
        if sent:
            assert sent["token"] == key
            hidden = "".join(f"<input type=hidden name={f} value='{html.escape(sent[f])}'>" for f in FIELDS[hit.kind])
            key_field = f"<input type=hidden name=assignmentId value={key}>"
            return (
                200,
                {},
                f"<form method=post data-role=submit action=/mturk/externalSubmit>{key_field}{hidden}</form>",
            )
        lines = "".join(
            f"<li data-start={start} data-end={end}>{html.escape(text)}</li>"
            for start, end, text in self.sites.subtitles.get(hit.clip, [])
        )
        inputs = "".join(f"<textarea name={name}></textarea>" for name in FIELDS[hit.kind] if name != "based_on")
        radios = "".join(f"<input type=radio name=based_on value={value}>" for value in ("v", "t", "vt"))
        return (
            200,
            {},
            f"<main data-kind={hit.kind} data-start={hit.start} data-end={hit.end}>"
            f"<video data-role=clip src='/clip/{hit.clip}?signature={secrets.token_hex(4)}'></video>"
            + (f"<ol data-role=subtitles>{lines}</ol>" if lines else "")
            + f"<form method=post data-role=task-form><input type=hidden name=token value={key}>{inputs}"
            + (radios if hit.kind == "query" else "")
            + "</form></main>",
        )

    def page_clip(self, name: str, sent: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.sites.downloads += 1
        return 200, {"Content-Type": "video/mp4"}, self.sites.clips[name].read_bytes()

    def page_mturk(self, rest: str, sent: dict[str, str]) -> tuple[int, dict[str, str], str]:
        key = sent.pop("assignmentId")
        if key in self.sites.accepted:
            worker, number = self.sites.accepted.pop(key)
            assert (number, worker) not in self.sites.answers
            self.sites.answers[number, worker] = sent
        return 200, {}, "<a data-action=next href=/group/next>Next task</a>"


@contextmanager
def serve(sites: Sites) -> Iterator[str]:
    """Both sites at one address, one request at a time."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"sites": sites}))
    server.daemon_threads = True
    sites.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield sites.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
