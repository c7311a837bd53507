"""`push_to_hub` against a hub of a few lines: the card that goes up is the one of the weights that go up."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from hero_model.checkpoints.model_folder import save_model
from hero_model.models.moment import HeroForMomentRetrieval
from tests.hero_model.tiny_world import tiny_config

PUSH = """
import sys
import torch
from hero_model import HeroForMomentRetrieval

model = HeroForMomentRetrieval.from_pretrained(sys.argv[1])
model.push_to_hub("somebody/theirs")
model.save_pretrained(sys.argv[2], push_to_hub=True, repo_id="somebody/theirs")
with torch.no_grad():
    model.moment_head.start_filter.weight += 1
model.push_to_hub("somebody/theirs")
"""


@contextmanager
def small_hub() -> Iterator[tuple[str, list[dict[str, bytes]]]]:
    """Its address, and the files of each commit; every repository is empty and takes all files as they are."""
    commits: list[dict[str, bytes]] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(404, {}, {"X-Error-Code": "EntryNotFound"})

        do_GET = do_HEAD

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/api/repos/create":
                self.answer(200, {"url": f"{address}/somebody/theirs"})
            elif "/preupload/" in self.path:
                files = json.loads(body)["files"]
                told = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]
                self.answer(200, {"files": told})
            elif "/commit/" in self.path:
                rows = [json.loads(line) for line in body.splitlines()]
                files = [row["value"] for row in rows if row["key"] == "file"]
                commits.append({file["path"]: base64.b64decode(file["content"]) for file in files})
                self.answer(200, {"commitUrl": f"{address}/somebody/theirs/commit/1", "commitOid": "1"})
            else:
                self.answer(200, {"errors": [], "warnings": []})

        def answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
            raw = b"" if self.command == "HEAD" else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hub)
    address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield address, commits
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_our_card_goes_up_with_its_own_weights_alone(tmp_path: Path) -> None:
    """By both of the library's ways; a model that was changed since goes with the library's empty card."""
    folder = tmp_path / "moment"
    save_model(HeroForMomentRetrieval(tiny_config()), None, folder)
    with small_hub() as (address, commits):
        own = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_TOKEN": "any", "HF_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-c", PUSH, str(folder), str(tmp_path / "saved")]
        subprocess.run(command, env=os.environ | own, check=True, timeout=120)
    pushed, saved, changed = commits
    card = (folder / "README.md").read_bytes()
    for files in (pushed, saved):
        assert files.keys() == {"README.md", "config.json", "model.safetensors"}
        assert files["README.md"] == card
        assert files["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert changed["model.safetensors"] != pushed["model.safetensors"]
    assert b"library_name: transformers" in changed["README.md"]
    assert b"What it was made from" not in changed["README.md"]
