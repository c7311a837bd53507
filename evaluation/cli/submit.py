"""`python -m evaluation submit`: the same checks here first, then the upload, the wait, the row of the board."""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import wrap_file

from evaluation.cli import commands
from evaluation.io.errors import Refusal
from evaluation.release import Release

TOKEN = "HERO_BENCH_TOKEN"  # noqa: S105  (the variable's name)
_POLL_S = 2.0
_UPLOAD_S = 3600.0


class SubmitError(Refusal):
    """The platform does not take the file, or cannot be reached; the message says why."""


def send(arguments: argparse.Namespace) -> int:
    """Check the file, send it, wait for its scoring, print its scores. Raises SubmitError, ReleaseError."""
    token = os.environ.get(TOKEN, "")
    if not token:
        raise SubmitError(f"no token in {TOKEN}: make one on {arguments.site.rstrip('/')}/teams/ and export it")
    if arguments.truth or len(arguments.paths) != 2:
        raise SubmitError("expected RELEASE and one prediction file: a board belongs to a release")
    arguments.json = None
    if commands.validate(arguments) != commands.SCORED:
        return commands.REFUSED
    folder, predictions = arguments.paths
    release = Release.open(folder)
    track = f"{release.manifest.name}/{release.manifest.version}/{arguments.task}/{arguments.split}"
    site = _Site(arguments.site, token)
    fields = {"method": arguments.method, "description": arguments.description}
    fields |= {name: "true" for name in ("public", "dry_run") if getattr(arguments, name)}
    sent = site.upload(f"tracks/{track}/submissions", predictions, fields)
    console = Console()
    console.print(f"submitted: {sent['page']}", markup=False, soft_wrap=True)
    return _print_row(site.wait(sent["id"]), console)


class _Site:
    def __init__(self, address: str, token: str) -> None:
        import httpx  # 0.1 s that the other commands need not pay

        self._errors = httpx.HTTPError
        self._client = httpx.Client(
            base_url=f"{address.rstrip('/')}/api/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def upload(self, path: str, file: Path, fields: dict[str, str]) -> dict[str, Any]:
        with file.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            handle.seek(0)
            size, errors = file.stat().st_size, Console(stderr=True)
            with wrap_file(handle, size, description="sending", console=errors, transient=True) as shown:
                return self._ask(
                    "POST", path, data=fields, files={"file": (file.name, shown)}, headers={"X-Content-SHA256": digest},
                    timeout=_UPLOAD_S,
                )  # fmt: skip

    def wait(self, submission: str) -> dict[str, Any]:
        with Console(stderr=True).status("waiting for a scorer") as status:
            while True:
                found = self._ask("GET", f"submissions/{submission}")
                if found["state"] not in ("queued", "running"):
                    return found
                status.update(f"{found['state']}, since {found['created_at'][:19]}Z")
                time.sleep(_POLL_S)

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            answer = self._client.request(method, path, **more)
            found: dict[str, Any] = answer.json()
        except self._errors as error:
            raise SubmitError(f"{self._client.base_url}: {error}") from error
        except ValueError as error:
            raise SubmitError(
                f"{self._client.base_url}: no platform answers here (status {answer.status_code})"
            ) from error
        if "errors" in found:
            raise SubmitError("; ".join(str(one["message"]) for one in found["errors"]))
        return found


def _print_row(found: dict[str, Any], console: Console) -> int:
    for problem in found["problems"]:
        place = " ".join(
            f"{name} {problem[name]}" for name in ("task", "id", "row", "column") if problem.get(name) is not None
        )
        console.print(f"{place}: {problem['message']}", markup=False, soft_wrap=True)
    if found["state"] != "done":
        raise SubmitError(found["error"] or f"the submission was {found['state']}")
    if found["dry_run"]:
        console.print("the platform can score it; no try was used", markup=False)
    for score in found["scores"]:
        console.print(
            f"{score['key']}  {score['value']}  [{score['low']}, {score['high']}]  n {score['n']}", markup=False,
            highlight=False,
        )  # fmt: skip
    return commands.SCORED
