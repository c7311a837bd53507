"""A requester's task page on an origin of its own, which also tries what it must not be able to do."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Task</title></head><body><main>
<h1>What happens in the clip?</h1>
<form method="post"><label>Your sentence <input name="sentence" required></label>
<button>Submit</button></form><p id="probe" hidden></p></main>
<script>
const given = new URLSearchParams(location.search);
const form = document.querySelector("form");
for (const name of ["assignmentId", "workerId", "hitId"]) {
  const input = document.createElement("input");
  input.type = "hidden"; input.name = name; input.value = given.get(name) || "";
  form.append(input);
}
if (given.get("assignmentId") === "ASSIGNMENT_ID_NOT_AVAILABLE") {
  document.querySelector("button").disabled = true;
} else {
  form.action = given.get("turkSubmitTo") + "/mturk/externalSubmit";
}
const tried = {};
for (const [name, attempt] of Object.entries({
  document: () => parent.document.title, address: () => String(parent.location.href),
  cookie: () => parent.document.cookie, move: () => { top.location = "https://evil.example.org/"; return "moved"; },
})) {
  try { tried[name] = attempt(); } catch (error) { tried[name] = error.name; }
}
tried.own = document.cookie;
document.querySelector("#probe").textContent = JSON.stringify(tried);
</script></body></html>"""


class TaskServer:
    """Serves PAGE at http://localhost:port/."""

    def __init__(self, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(PAGE)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("localhost", port), Handler)
        self.url = f"http://localhost:{port}/task?unit=1"

    def __enter__(self) -> TaskServer:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
