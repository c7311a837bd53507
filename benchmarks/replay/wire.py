"""One connection to a site, kept open, one request after the other.

By the socket itself: `http.client` reads the head of each answer with the parser of e-mail. With that, asking took a
quarter of the driver's processor time, which is taken from the site that is measured.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping

KEPT_S = 60.0  # both sites close a connection on which nothing has come for 75 s
TIMEOUT_S = 60.0


class Wire:
    """Answers have a Content-Length, as all of both sites' pages do."""

    def __init__(self, netloc: str) -> None:
        self.netloc, self.used = netloc, 0.0
        self.socket: socket.socket | None = None

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[int, str, bytes]:
        """Status, Location and body of the answer. Raises OSError where the site is away or sends half an answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.netloc}", *(f"{name}: {headers[name]}" for name in headers)]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self._open()
        assert self.socket is not None
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        status, told = self._head()
        size = int(told["content-length"])
        answer = self.incoming.read(size)
        if len(answer) < size:
            raise ConnectionError(f"{self.netloc} sent {len(answer)} of {size} bytes")
        self.used = time.monotonic()
        if told.get("connection", "").lower() == "close":
            self.close()
        return status, told.get("location", ""), answer

    def close(self) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.incoming.close()
                self.socket.close()
            self.socket = None

    def _open(self) -> None:
        if time.monotonic() - self.used > KEPT_S:
            self.close()
        if self.socket is None:
            host, _, port = self.netloc.partition(":")
            self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.incoming = self.socket.makefile("rb")

    def _head(self) -> tuple[int, dict[str, str]]:
        first = self.incoming.readline()
        if not first.startswith(b"HTTP/1."):
            raise ConnectionError(f"{self.netloc} answered {first!r}")
        told = {}
        while (line := self.incoming.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            told[name.lower()] = value.strip()
        return int(first.split()[1]), told
