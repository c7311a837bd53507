"""A queue and a topic that only listen: what the marketplace's notifications look like on the wire."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


class Webhook:
    """Listens on a port that the marketplace under test may post to; the first `failures` posts fail."""

    def __init__(self, port: int, failures: int = 0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.failures = failures
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if hook.failures:
                    hook.failures -= 1
                    self.send_error(503)
                    return
                hook.requests.append({"headers": {k.lower(): v for k, v in self.headers.items()}, "body": body})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{port}"
        self.sqs, self.sns = f"{self.url}/123456789012/queue", f"{self.url}/topic"

    def __enter__(self) -> Webhook:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def documents(self) -> list[dict[str, Any]]:
        return [_document(request["body"]) for request in self.requests]

    def events(self) -> list[dict[str, Any]]:
        return [event for document in self.documents() for event in document["Events"]]


def _document(body: str) -> dict[str, Any]:
    text = json.loads(body)["Message"] if body.startswith("{") else parse_qs(body)["MessageBody"][0]
    document: dict[str, Any] = json.loads(text)
    return document
