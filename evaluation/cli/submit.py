"""`python -m evaluation submit`: the same checks here first, then the upload, the wait, the row of the board."""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from evaluation.cli.inputs import REFUSED, SCORED
from evaluation.cli.validate import validate
from evaluation.io.errors import Refusal
from evaluation.release import Release

TOKEN = "HERO_BENCH_TOKEN"  # noqa: S105  (the variable's name)
_POLL_S = 2.0
_PIECE = 8 * 2**20  # bytes of one request: what a broken line costs
_PAUSES_S = (0, 1, 2, 4, 8, 15, 30)  # before each try without a byte or an answer between: a site that restarts is back
_CARD = {  # option -> field of the method card
    "paper": "paper_url", "code": "code_url", "parameters": "parameters", "training_data": "training_data",
    "hardware": "hardware", "run_time": "run_time_s",
}  # fmt: skip
_TUS = {"Tus-Resumable": "1.0.0"}
_AGAIN = {"GET", "HEAD", "POST"}  # asked again without harm: room for a file is found again by its sha256
_CONFLICT = 409  # the offset that was said is not the next one
_AWAY = {502, 503, 504}  # said by a proxy whose site does not answer: no more than a broken line


class SubmitError(Refusal):
    """The platform does not take the file, or cannot be reached; the message says why."""


class DuplicateError(SubmitError):
    """The platform has this file already; `submission` is the id of what it became."""

    def __init__(self, message: str, submission: str) -> None:
        super().__init__(message)
        self.submission = submission


def send(arguments: argparse.Namespace) -> int:
    """Check the file, send it, wait for its scoring, print its scores. Raises SubmitError, ReleaseError."""
    token = os.environ.get(TOKEN, "")
    if not token:
        raise SubmitError(f"no token in {TOKEN}: make one on {arguments.site.rstrip('/')}/teams/ and export it")
    if arguments.truth or len(arguments.paths) != 2:
        raise SubmitError("expected RELEASE and one prediction file: a board belongs to a release")
    arguments.json = None
    if not arguments.model and validate(arguments) != SCORED:
        return REFUSED
    folder, predictions = arguments.paths
    release = Release.open(folder)
    track = f"{release.manifest.name}/{release.manifest.version}/{arguments.task}/{arguments.split}"
    site = _Site(arguments.site, token)
    fields = {"method": arguments.method, "description": arguments.description}
    fields |= {field: getattr(arguments, name) for name, field in _CARD.items() if getattr(arguments, name)}
    fields |= {"kind": "model"} if arguments.model else {}
    fields |= {name: "true" for name in ("public", "dry_run", "external_data") if getattr(arguments, name)}
    console = Console()
    try:
        submission = site.upload(f"tracks/{track}/uploads", predictions, fields, lambda why: _say_waiting(why, console))
    except DuplicateError as known:  # sent by an earlier run that was cut off while it waited
        console.print(f"{known}: going on with it", markup=False, soft_wrap=True)
        submission = known.submission
    console.print(f"submitted: {site.read(submission)['page']}", markup=False, soft_wrap=True)
    return _print_row(site.wait(submission), console)


class _Site:
    def __init__(self, address: str, token: str) -> None:
        import httpx  # 0.1 s that the other commands need not pay

        self._errors = httpx.HTTPError
        self._client = httpx.Client(
            base_url=f"{address.rstrip('/')}/api/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def upload(self, path: str, file: Path, fields: dict[str, str], told: Callable[[str], None]) -> str:
        """Send a file in pieces (tus) and return the id of its submission; `told` is called with why it is none yet.

        The platform knows the file by its sha256: the same command goes on where the last one stopped.
        """
        with file.open("rb") as handle:
            said = fields | {"filename": file.name, "sha256": hashlib.file_digest(handle, "sha256").hexdigest()}
        size = file.stat().st_size
        metadata = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in said.items())
        new = self._send("POST", path, headers=_TUS | {"Upload-Length": str(size), "Upload-Metadata": metadata})
        address = f"uploads/{new.headers['Location'].rstrip('/').rpartition('/')[2]}"
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("sending", total=size)
            self._send_pieces(address, file, size, lambda offset: progress.update(bar, completed=offset))
        return self._became(address, told)

    def _send_pieces(self, address: str, file: Path, size: int, show: Callable[[int], None]) -> None:
        offset, tries = self._offset(address), 0
        with file.open("rb") as handle:
            while offset < size:
                show(offset)
                handle.seek(offset)
                reached = self._send_piece(address, offset, handle.read(_PIECE))
                tries = 0 if reached > offset else tries + 1
                if tries == len(_PAUSES_S):
                    raise SubmitError(
                        "the line breaks again and again: run the command again, and it goes on from here"
                    )
                time.sleep(_PAUSES_S[tries])
                offset = reached

    def _send_piece(self, address: str, offset: int, piece: bytes) -> int:
        """The next offset, which is less than the piece's end where the line broke."""
        headers = _TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        answer, trouble = self._ask("PATCH", address, content=piece, headers=headers)
        if trouble:
            return self._offset(address)
        if answer.status_code == _CONFLICT:  # what was on its way when the line broke has arrived meanwhile
            return self._offset(address)
        _refuse(answer)
        return int(answer.headers["Upload-Offset"])

    def _offset(self, address: str) -> int:
        return int(self._send("HEAD", address, headers=_TUS).headers["Upload-Offset"])

    def _became(self, address: str, told: Callable[[str], None]) -> str:
        said = ""
        while True:
            found = self._send("GET", address).json()
            if found["submission"]:
                return str(found["submission"])
            why = (found.get("waits_for") or {}).get("message", "")
            if why and why != said:
                told(why)
            said = why
            time.sleep(_POLL_S)

    def read(self, submission: str) -> dict[str, Any]:
        """A submission as the API has it."""
        found: dict[str, Any] = self._send("GET", f"submissions/{submission}").json()
        return found

    def wait(self, submission: str) -> dict[str, Any]:
        with Console(stderr=True).status("waiting for a scorer") as status:
            while True:
                found = self.read(submission)
                if found["state"] not in ("queued", "running"):
                    return found
                status.update(f"{found['state']}, since {found['created_at'][:19]}Z")
                time.sleep(_POLL_S)

    def _send(self, method: str, path: str, **more: Any) -> Any:
        """One request, tried again for a minute where nobody answers. Raises SubmitError."""
        for pause in (*(_PAUSES_S if method in _AGAIN else ()), None):
            answer, trouble = self._ask(method, path, **more)
            if not trouble:
                break
            if pause is None:
                raise SubmitError(f"{self._client.base_url}: {trouble}")
            time.sleep(pause)
        _refuse(answer)
        return answer

    def _ask(self, method: str, path: str, **more: Any) -> tuple[Any, str]:
        """The answer, and an empty text; or why there is none."""
        try:
            answer = self._client.request(method, path, **more)
        except self._errors as error:
            return None, str(error) or type(error).__name__
        return answer, f"no platform answers (status {answer.status_code})" if answer.status_code in _AWAY else ""


def _refuse(answer: Any) -> None:
    """Raise SubmitError where the platform says no or none answers, DuplicateError where it has the file already."""
    try:
        errors = answer.json()["errors"] if answer.content else []
    except (ValueError, KeyError, TypeError):
        errors = []
    if isinstance(errors, list) and errors:
        message = "; ".join(str(one["message"]) for one in errors)
        if errors[0].get("code") == "duplicate":
            raise DuplicateError(message, str(errors[0]["submission"]))
        raise SubmitError(message)
    if answer.status_code >= 400 or (answer.content and "json" not in answer.headers.get("Content-Type", "")):
        raise SubmitError(f"{answer.request.url}: no platform answers here (status {answer.status_code})")


def _say_waiting(why: str, console: Console) -> None:
    console.print(f"the file is there and becomes a submission by itself: {why}", markup=False, soft_wrap=True)


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
        part = "" if score.get("part", "all") == "all" else f"  {score['part']} part"
        line = f"{score['key']}  {score['value']}  [{score['low']}, {score['high']}]  n {score['n']}{part}"
        console.print(line, markup=False, highlight=False)
    return SCORED
