"""The platform's web server: `python -m benchmark_site.server --listen 127.0.0.1:8000`.

Waitress reads requests and writes answers in one thread for all connections and gives its few web threads whole
requests alone, so neither slow senders nor slow readers hold one. Added here is what it leaves to others: who sends a
large body is looked at when the head of the request has come, a refused one still hears the answer, nobody fills the
disk with many at once, and nothing may take for ever.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask

from benchmark_site.wsgi import application  # isort: skip  # loads the apps, which the next lines need
from benchmark_site.leaderboard.submissions.uploads import incoming_folder
from benchmark_site.senders import largest_body, most_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

# Every form of the site but those that take files is smaller; above it the sender must be known.
SMALL_BYTES = 2 * 2**20
HEAD_S = 30.0
# A body may take a minute, and a second more for each KiB: slower than any line in use, and an end for tricklers.
BODY_S, BODY_BYTES_PER_S = 60.0, 1024
LONGEST_BODY_S = 6 * 3600.0
MOST_AT_ONCE = 8  # large bodies of one account: each lies on the disk while it comes, as large as a submission may be
# So long a refused sender's rest is read and thrown away: a socket closed on unread bytes takes its answer back.
LINGER_S = 30.0
# What waits for a slow reader lies in a temporary file, up to this much; files of the disk wait where they are.
WAITING_BYTES = 2**30


class Request(HTTPRequestParser):
    """One request; `began` is the moment at which its first byte came, in seconds since the epoch."""

    refused = too_many = False
    most = SMALL_BYTES  # of its body
    sender = ""  # the account whose large body it is
    chunked: bool
    content_length: int

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.began = time.time()

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.chunked or self.content_length > SMALL_BYTES:
            self.most = self.adj.most_bytes(self)
            self.too_many = bool(self.sender) and self.adj.under_way(self.sender) > MOST_AT_ONCE
        if not self.most or self.too_many:
            self._refuse()

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.chunked and self.body_bytes_received > self.most:  # nobody has said how long it would be
            self.headers["CONTENT_LENGTH"] = str(self.body_bytes_received)
            self._refuse()
            self.completed = True
        return consumed

    def _refuse(self) -> None:
        """Have the application answer without the body: it says best what is missing."""
        self.close()
        self.refused = True
        self.headers["CONNECTION"] = "close"
        self.expect_continue = self.chunked = False
        self.body_rcv, self.content_length = None, 0

    def is_overdue(self, now: float) -> bool:
        """Whether its head or its body has taken longer than it may."""
        if not self.headers_finished:
            return now - self.began > HEAD_S
        expected = BODY_S + max(self.content_length, self.body_bytes_received) / BODY_BYTES_PER_S
        return now - self.began > min(expected, LONGEST_BODY_S)


class Task(WSGITask):
    """Tells the application when the request began (`hero_bench.began`) and whether its sender sends too many at once
    (`hero_bench.too_many`), and its channel that it was refused.
    """

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["hero_bench.began"] = datetime.fromtimestamp(self.request.began, UTC)
        environ["hero_bench.too_many"] = self.request.too_many
        return environ

    def service(self) -> None:
        self.channel.refuses = self.request.refused
        super().service()


class Channel(HTTPChannel):
    """One connection. After a refusal it lingers: what still comes is thrown away until the sender has read why."""

    task_class = Task
    parser_class = Request
    refuses = False
    lingers_until: float | None = None

    def received(self, data: bytes) -> bool:
        return False if self.refuses else bool(super().received(data))

    def handle_close(self) -> None:
        answered = not self.requests and not self.total_outbufs_len
        if self.refuses and self.connected and answered and self.lingers_until is None:
            self.lingers_until = time.time() + LINGER_S
            self.will_close = self.close_when_flushed = False
            with contextlib.suppress(OSError):  # the sender may be gone
                self.socket.shutdown(socket.SHUT_WR)
            return
        super().handle_close()

    def writable(self) -> bool:
        return bool(self.will_close if self.lingers_until else super().writable())

    def is_overdue(self, now: float) -> bool:
        if self.lingers_until:
            return now > self.lingers_until
        return self.request is not None and self.request.is_overdue(now)


class Server(TcpWSGIServer):
    """Closes connections that take too long, beside those on which nothing happens."""

    channel_class = Channel

    def under_way(self, sender: str) -> int:
        """How many large bodies of an account come or are worked on, the one that is asked for included."""
        channels = list(self.active_channels.values())
        requests = [request for channel in channels for request in (channel.request, *channel.requests)]
        return sum(request is not None and request.sender == sender and not request.refused for request in requests)

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        for channel in self.active_channels.values():
            if channel.is_overdue(now):
                channel.will_close = True


def head_alone(application: WSGIApplication) -> WSGIApplication:
    """The application without bodies in answers to HEAD: they would be read as the answer to the next request."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        body = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "HEAD":
            return body
        if hasattr(body, "close"):
            body.close()
        return []

    return answer


def few_at_once(application: WSGIApplication) -> WSGIApplication:
    """The application for all but those who send too many large bodies at once: they are told, in the API's shape."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if not environ["hero_bench.too_many"]:
            return application(environ, start_response)
        message = f"{MOST_AT_ONCE} files of yours are on their way: send this one when one of them has arrived"
        body = json.dumps({"errors": [{"field": "file", "code": "at_once", "message": message}]}).encode()
        kind = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Retry-After", "30")]
        start_response("429 Too Many Requests", kind)
        return [body]

    return answer


def make_server(
    application: Any,
    most_bytes: Callable[[Request], int],
    listen: str,
    *,
    threads: int = 8,
    largest: int = 2**30,
    behind_proxy: bool = False,
) -> Server:
    """A bound server, run by `run()`; `most_bytes` says of the head of a request how large a body it takes, or 0."""
    proxy = {"trusted_proxy": "*", "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto"} if behind_proxy else {}
    server = Server(
        head_alone(few_at_once(application)),
        listen=listen,
        threads=threads,
        max_request_body_size=largest,
        outbuf_high_watermark=WAITING_BYTES,
        connection_limit=2000,
        channel_timeout=75,
        cleanup_interval=2,
        asyncore_use_poll=True,
        backlog=2048,
        **proxy,
    )
    server.adj.most_bytes, server.adj.under_way = most_bytes, server.under_way
    return server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmark_site.server", description="The platform's web server.")
    parser.add_argument("--listen", default="127.0.0.1:8000", metavar="HOST:PORT")
    parser.add_argument("--threads", type=int, default=8, help="requests that are worked on at once")
    parser.add_argument(
        "--behind-proxy",
        action="store_true",
        help="a proxy stands before it: who asks, and by which scheme, its X-Forwarded-For and -Proto say",
    )
    arguments = parser.parse_args()
    # What arrives and what waits for slow readers may be large: on the disk of the footage, not in a small /tmp.
    tempfile.tempdir = str(incoming_folder())
    server = make_server(
        application,
        most_bytes,
        arguments.listen,
        threads=arguments.threads,
        largest=largest_body() + 1,
        behind_proxy=arguments.behind_proxy,
    )
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    server.run()


if __name__ == "__main__":
    main()
