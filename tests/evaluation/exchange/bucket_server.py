"""As much of S3 over HTTP as a mirror needs: objects are put, asked about and read, and checked as S3 checks them."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

KEY = "AKIDTESTER"
REFUSALS = {
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records."),
    "AccessDenied": (403, "Access Denied"),
    "BadDigest": (400, "The checksum you specified did not match what we received."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NotImplemented": (501, "A header or query you provided implies functionality that is not implemented."),
}


@dataclass
class Stored:
    """An object."""

    body: bytes
    marks: dict[str, str] = field(default_factory=dict)


class BucketServer(ThreadingHTTPServer):
    """One bucket, "bench". `asked` lists the requests; `room` is how many more objects are taken, None without end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, Stored] = {}
        self.asked: list[tuple[str, str]] = []
        self.room: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self) -> list[str]:
        """The names of the objects that were put, in order."""
        return [key for method, key in self.asked if method == "PUT"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BucketServer

    def do_HEAD(self) -> None:
        self._read()

    def do_GET(self) -> None:
        self._read()

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if (key := self._key()) is None:
            return
        if self.server.room == 0:
            self._refuse("AccessDenied")
        elif not self._is_whole(body):
            self._refuse("BadDigest")
        else:
            marks = {
                name.lower(): value for name, value in self.headers.items() if name.lower().startswith("x-amz-meta-")
            }
            self.server.objects[key] = Stored(body, marks)
            if self.server.room is not None:
                self.server.room -= 1
            self._answer(200, b"", {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def do_POST(self) -> None:
        self._refuse("NotImplemented")

    def do_DELETE(self) -> None:
        self.server.asked.append(("DELETE", self.path))
        self._refuse("NotImplemented")

    def _read(self) -> None:
        if (key := self._key()) is None:
            return
        found = self.server.objects.get(key)
        if found is None:
            self._refuse("NoSuchKey")
        else:
            self._answer(200, found.body, found.marks)

    def _key(self) -> str | None:
        """The object's name; None where the request is refused, which has been said then."""
        address = urlsplit(self.path)
        bucket, _, key = unquote(address.path).lstrip("/").partition("/")
        self.server.asked.append((self.command, key))
        if f"Credential={KEY}/" not in self.headers.get("Authorization", ""):
            self._refuse("InvalidAccessKeyId")
        elif bucket != "bench":
            self._refuse("NoSuchBucket")
        elif address.query:
            self._refuse("NotImplemented")
        else:
            return key
        return None

    def _is_whole(self, body: bytes) -> bool:
        told = {
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode(),
        }
        return all(self.headers.get(name) == value for name, value in told.items())

    def _refuse(self, code: str) -> None:
        status, message = REFUSALS[code]
        self._answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode(), {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
