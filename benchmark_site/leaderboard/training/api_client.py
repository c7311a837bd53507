"""The platform's own submissions: over the HTTP API with a token, like everybody's."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from benchmark_site.leaderboard.models import ApiToken, Membership, Team, Track
from benchmark_site.leaderboard.models.teams import BASELINE_TEAM
from benchmark_site.leaderboard.teams import tokens
from benchmark_site.leaderboard.training.systems import System

_USER = "hero-bench-baselines"
_PATIENCE_S = 120  # the web server may be restarting
_PAUSE_S = 2
_TIMEOUT_S = 120


class SubmissionRejected(Exception):
    """A submission of the platform's was not taken; the message says why."""


@contextlib.contextmanager
def baseline_token() -> Iterator[str]:
    """A token of the baselines' team, revoked when the block ends."""
    secret = tokens.create_token(_membership(), "training run")
    try:
        yield secret
    finally:
        for row in ApiToken.objects.filter(digest=hashlib.sha256(secret.encode()).hexdigest()):
            tokens.revoke(row)


def send(token: str, track: Track, system: System, file: Path, alive: Callable[[], bool]) -> None:
    """Submit a file; one that is already there counts as sent. Raises SubmissionRejected."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            answer = _post(token, track, system, file)
            if answer.status_code < 500:
                break
            trouble = f"status {answer.status_code}"
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
        if time.monotonic() > deadline or not alive():
            raise SubmissionRejected(f"{settings.SITE_URL} does not take {system.method} for {track.path}: {trouble}")
        time.sleep(_PAUSE_S)
    if answer.status_code == httpx.codes.CREATED:
        return
    errors = answer.json().get("errors", [{}])
    if errors[0].get("code") != "duplicate":
        raise SubmissionRejected(
            f"{system.method} for {track.path} was refused: {errors[0].get('message', answer.text[:200])}"
        )


def _post(token: str, track: Track, system: System, file: Path) -> httpx.Response:
    with file.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
        handle.seek(0)
        return httpx.post(
            f"{settings.SITE_URL}/api/tracks/{track.path}/submissions",
            headers={"Authorization": f"Bearer {token}", "X-Content-SHA256": sha256},
            data={"method": system.method, "description": system.description},
            files={"file": (f"{system.name}.json", handle, "application/json")},
            timeout=_TIMEOUT_S,
        )


@transaction.atomic
def _membership() -> Membership:
    user, made = get_user_model()._default_manager.get_or_create(username=_USER)
    if made:
        user.set_unusable_password()
        user.save()
    team, _ = Team.objects.get_or_create(name=BASELINE_TEAM, baseline=True)
    return Membership.objects.get_or_create(team=team, user=user)[0]
