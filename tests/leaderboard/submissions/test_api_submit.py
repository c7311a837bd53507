"""POST …/submissions: what is taken, and every way of being refused."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.models import ApiToken, Evaluation, Membership, State, Submission, Team, Track
from benchmark_site.leaderboard.submissions.submit import MOST_ATTEMPTS_A_DAY
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.leaderboard.conftest import ApiClient, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return small_file(tmp_path)


def refused(answer: tuple[int, Any], status: int, field: str | None, code: str) -> dict[str, Any]:
    assert answer[0] == status, answer
    (error,) = answer[1]["errors"]
    assert (error["field"], error["code"]) == (field, code)
    assert error["message"]
    return dict(error)


def nothing_was_kept(media: Path) -> bool:
    left = [path for path in (media / "submissions").rglob("*") if path.is_file()]
    return not Submission.objects.exists() and not left


def test_a_file_is_kept_whole_and_queued(
    api_client: ApiClient, track: Track, file: Path, membership: Membership
) -> None:
    file.write_bytes(b"{}" + b" " * 300_000)
    status, sent = api_client.post(
        track, file, method="ours", description="first\nsecond", paper_url="https://example.org/p", public="true"
    )
    assert status == 201
    submission = Submission.objects.get(pk=sent["id"])
    with default_storage.open(submission.file.name) as stored:
        assert stored.read() == file.read_bytes()
    assert submission.sha256 == hashlib.sha256(file.read_bytes()).hexdigest() == sent["sha256"]
    assert (submission.team, submission.created_by) == (membership.team, membership.user)
    assert (submission.method, submission.public, submission.baseline) == ("ours", True, False)
    assert submission.file.name.endswith(f"{submission.pk}.json")
    assert submission.evaluation.state == State.QUEUED
    assert submission.evaluation.manifest_sha256 == track.release.sha256
    assert list((Path(default_storage.path("submissions")) / "incoming").iterdir()) == []


def test_a_submission_is_private_until_it_is_made_public(api_client: ApiClient, track: Track, file: Path) -> None:
    sent = api_client.post(track, file)[1]
    assert sent["public"] is False
    assert api_client.send("PATCH", f"submissions/{sent['id']}", {"public": True})[1]["public"] is True


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "none"),
        ({"authorization": "Bearer nonsense"}, "unknown"),
        ({"authorization": "Bearer \udcff"}, "not text"),
        ({"authorization": "Basic YTpi"}, "other scheme"),
    ],
)
def test_without_a_token_nothing_is_taken(
    api_client: ApiClient, track: Track, file: Path, headers: dict[str, str], why: str, settings: Any
) -> None:
    api_client.headers = headers
    refused(api_client.post(track, file), 401, "Authorization", "token")
    assert nothing_was_kept(settings.MEDIA_ROOT)


def test_a_revoked_token_and_an_inactive_user_are_refused(
    api_client: ApiClient, track: Track, file: Path, membership: Membership
) -> None:
    token = ApiToken.objects.get()
    token.revoked_at = timezone.now()
    token.save()
    refused(api_client.post(track, file), 401, "Authorization", "token")
    again = ApiClient(create_token(membership))
    membership.user.is_active = False
    membership.user.save()
    refused(again.post(track, file), 401, "Authorization", "token")


def test_the_secret_is_not_kept_and_its_use_is_noted(api_client: ApiClient, token: str) -> None:
    assert api_client.get("tracks")[0] == 200
    row = ApiToken.objects.get()
    assert row.last_used_at is not None
    assert token not in [str(getattr(row, field.name)) for field in ApiToken._meta.fields]
    assert row.digest == hashlib.sha256(token.encode()).hexdigest()


def test_an_unknown_track_is_named(api_client: ApiClient, track: Track, file: Path) -> None:
    track.split = "nowhere"
    error = refused(api_client.post(track, file), 404, "track", "not_found")
    assert "demo/1.0.0/moment/nowhere" in error["message"]


def test_dates_are_kept(api_client: ApiClient, track: Track, file: Path) -> None:
    now = timezone.now()
    Track.objects.update(opens_at=now + timedelta(hours=1))
    refused(api_client.post(track, file), 403, "track", "not_open")
    Track.objects.update(opens_at=now - timedelta(days=2), closes_at=now - timedelta(days=1))
    refused(api_client.post(track, file), 403, "track", "closed")


def test_the_moment_at_which_the_upload_began_counts(
    membership: Membership, api_client: ApiClient, track: Track, file: Path
) -> None:
    now = timezone.now()
    Track.objects.update(opens_at=now - timedelta(days=2), closes_at=now - timedelta(minutes=1))
    began = {"hero_bench.began": now - timedelta(minutes=2)}
    with file.open("rb") as handle:
        answer = api_client.client.post(
            f"/api/tracks/{track.path}/submissions", {"method": "late", "file": handle}, headers=api_client.headers,
            **began,
        )  # fmt: skip
    assert answer.status_code == 201
    Submission.objects.all().delete()
    client = Client()
    client.force_login(membership.user)
    for moment, status in ((now - timedelta(minutes=2), 302), (now, 403)):
        sent = {"team": membership.team.pk, "method": "m", "file": io.BytesIO(str(moment).encode())}
        answer = client.post(track.get_absolute_url() + "submit/", sent, **{"hero_bench.began": moment})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"method": ""}, "method", "required"),
        ({"method": " \t "}, "method", "required"),
        ({"method": "m" * 81}, "method", "max_length"),
        ({"method": "НERO"}, "method", "mixed"),
        ({"method": "a\u202eb"}, "method", "invisible"),
        ({"method": "a\u200bb"}, "method", "invisible"),
        ({"method": "a\0b"}, "method", "null_characters_not_allowed"),
        ({"description": "d" * 2001}, "description", "max_length"),
        ({"paper_url": "javascript:alert(1)"}, "paper_url", "invalid"),
        ({"code_url": "no address"}, "code_url", "invalid"),
    ],
)
def test_fields_are_checked(
    api_client: ApiClient, track: Track, file: Path, fields: dict[str, str], field: str, code: str, settings: Any
) -> None:
    refused(api_client.post(track, file, **fields), 400, field, code)
    assert nothing_was_kept(settings.MEDIA_ROOT)


def test_a_damaged_file_is_refused_by_its_sha256(
    api_client: ApiClient, track: Track, file: Path, settings: Any
) -> None:
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    error = refused(api_client.post(track, file, {"X-Content-SHA256": "0" * 64}), 400, "sha256", "sha256_differs")
    assert right in error["message"]
    assert nothing_was_kept(settings.MEDIA_ROOT)
    assert api_client.post(track, file, {"X-Content-SHA256": right.upper()})[0] == 201


def test_an_oversized_file_is_refused_by_what_it_declares_and_by_what_is_read(
    api_client: ApiClient, track: Track, file: Path, settings: Any
) -> None:
    settings.SUBMISSION_MAX_BYTES = 100_000
    file.write_bytes(b"x" * 100_001)
    refused(api_client.post(track, file), 413, "file", "too_large")  # the form is within bounds, the file is not
    file.write_bytes(b"x" * 300_000)
    refused(api_client.post(track, file), 413, "file", "too_large")
    file.write_bytes(b"x" * 100_000)
    assert api_client.post(track, file)[0] == 201


def test_an_empty_or_missing_or_second_file_is_refused(
    api_client: ApiClient, track: Track, file: Path, settings: Any
) -> None:
    file.write_bytes(b"")
    refused(api_client.post(track, file), 400, "file", "empty")
    path = f"/api/tracks/{track.path}/submissions"
    for form, code in (
        ({"method": "m"}, "required"),
        ({"method": "m", "predictions": io.BytesIO(b"{}")}, "required"),
        ({"method": "m", "file": io.BytesIO(b"{}"), "other": io.BytesIO(b"{}")}, "several_files"),
    ):
        answer = api_client.client.post(path, form, headers=api_client.headers)
        refused((answer.status_code, answer.json()), 400, "file", code)
    assert nothing_was_kept(settings.MEDIA_ROOT)


def test_other_bodies_than_a_form_are_refused(api_client: ApiClient, track: Track) -> None:
    path = f"/api/tracks/{track.path}/submissions"
    answer = api_client.client.post(path, b"{}", content_type="application/json", headers=api_client.headers)
    refused((answer.status_code, answer.json()), 400, "file", "not_a_form")
    broken = "multipart/form-data; boundary=" + "b" * 300
    answer = api_client.client.post(path, b"--x", content_type=broken, headers=api_client.headers)
    refused((answer.status_code, answer.json()), 400, "file", "broken_form")
    form = "multipart/form-data; boundary=b"
    answer = api_client.client.generic("POST", path, b"", headers=api_client.headers, CONTENT_TYPE=form)
    refused((answer.status_code, answer.json()), 411, "file", "no_length")


def test_a_flood_of_fields_is_refused(api_client: ApiClient, track: Track, file: Path, settings: Any) -> None:
    refused(api_client.post(track, file, description="d" * 3_000_000), 400, None, "form_too_large")
    fields = {f"field{number}": "x" for number in range(1100)}
    refused(api_client.post(track, file, **fields), 400, None, "form_too_large")
    assert nothing_was_kept(settings.MEDIA_ROOT)


@pytest.mark.parametrize(
    "name", ["../../evil.json", "/etc/passwd", "a\u202egpj.json", "n" * 300 + ".json", "x.p\\hp", ".json"]
)
def test_the_senders_file_name_leads_nowhere(api_client: ApiClient, track: Track, name: str) -> None:
    upload = io.BytesIO(b"{}")
    upload.name = name
    path = f"/api/tracks/{track.path}/submissions"
    answer = api_client.client.post(path, {"method": "m", "file": upload}, headers=api_client.headers)
    assert answer.status_code == 201, answer.json()
    submission = Submission.objects.get()
    assert Path(submission.file.path).parent == Path(default_storage.path("submissions/demo-1.0.0-moment-val"))
    assert "/" not in submission.file_name
    assert "\u202e" not in submission.file_name


def test_the_same_file_is_refused_with_the_earlier_id(
    api_client: ApiClient, tracks: dict[str, Track], file: Path
) -> None:
    first = api_client.post(tracks["moment/val"], file)[1]
    error = refused(api_client.post(tracks["moment/val"], file), 409, "file", "duplicate")
    assert error["submission"] == first["id"]
    assert api_client.post(tracks["qa/val"], file)[0] == 201  # another track is another matter


def test_after_a_failure_the_same_file_may_come_again(api_client: ApiClient, track: Track, file: Path) -> None:
    api_client.post(track, file)
    Evaluation.objects.get().end(State.FAILED, "the scorer crashed")
    assert api_client.post(track, file)[0] == 201


def test_the_day_quota_names_the_next_slot(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    Track.objects.update(per_day=2)
    with time_machine.travel("2026-03-01 10:00:00Z", tick=False):
        Track.objects.update(opens_at=timezone.now())
        assert api_client.post(track, small_file(tmp_path, text="1"))[0] == 201
    with time_machine.travel("2026-03-01 15:00:00Z", tick=False):
        assert api_client.post(track, small_file(tmp_path, text="2"))[0] == 201
        answer = api_client.post(track, small_file(tmp_path, text="3"))
        error = refused(answer, 429, "track", "quota_day")
        assert error["next_slot"] == "2026-03-02T10:00:00+00:00"
        told = next(one for one in api_client.get("tracks")[1] if one["track"] == track.path)["quota"]
        assert (told["left"], told["used_day"], told["next_slot"]) == (0, 2, "2026-03-02T10:00:00Z")
    with time_machine.travel("2026-03-02 10:00:00Z", tick=False):
        assert api_client.post(track, small_file(tmp_path, text="3"))[0] == 201
    with time_machine.travel("2026-03-02 10:00:01Z", tick=False):
        refused(api_client.post(track, small_file(tmp_path, text="4")), 429, "track", "quota_day")


def test_a_refusal_by_the_day_quota_says_when_to_retry(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    Track.objects.update(per_day=1)
    api_client.post(track, small_file(tmp_path, text="1"))
    with small_file(tmp_path, text="2").open("rb") as handle:
        answer = api_client.client.post(
            f"/api/tracks/{track.path}/submissions", {"method": "m", "file": handle}, headers=api_client.headers
        )
    assert 86_000 < int(answer["Retry-After"]) <= 86_401


def test_the_total_quota_holds(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    Track.objects.update(total=1)
    api_client.post(track, small_file(tmp_path, text="1"))
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        refused(api_client.post(track, small_file(tmp_path, text="2")), 429, "track", "quota_total")


def test_a_limit_lowered_below_what_was_used_stays_closed(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    for text in "123":
        api_client.post(track, small_file(tmp_path, text=text))
    Track.objects.update(per_day=2, total=2)
    refused(api_client.post(track, small_file(tmp_path, text="4")), 429, "track", "quota_total")
    Track.objects.update(total=100)
    refused(api_client.post(track, small_file(tmp_path, text="4")), 429, "track", "quota_day")


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_failed_and_cancelled_ones_eat_no_quota(
    api_client: ApiClient, track: Track, tmp_path: Path, state: State
) -> None:
    Track.objects.update(per_day=1, total=1)
    api_client.post(track, small_file(tmp_path, text="1"))
    Evaluation.objects.get().end(state, "why")
    assert api_client.post(track, small_file(tmp_path, text="2"))[0] == 201
    refused(api_client.post(track, small_file(tmp_path, text="3")), 429, "track", "quota_total")


def test_failures_are_not_unlimited_either(api_client: ApiClient, track: Track, file: Path) -> None:
    sent = api_client.post(track, file)[1]
    Evaluation.objects.get().end(State.FAILED, "why")
    first = Submission.objects.get(pk=sent["id"])
    Submission.objects.bulk_create(
        Submission(
            team=first.team, track=track, method="m", file="f", sha256=first.sha256, size=1, counts=False,
            created_at=timezone.now(),
        )
        for _ in range(MOST_ATTEMPTS_A_DAY - 1)
    )  # fmt: skip
    refused(api_client.post(track, file), 429, "track", "attempts")
    # another team of the same person gets no further hundred; somebody else's does
    second, other = Team.objects.create(name="Second"), Team.objects.create(name="Other")
    again = Membership.objects.create(team=second, user=User.objects.get(username="ada"))
    refused(ApiClient(create_token(again)).post(track, file), 429, "track", "attempts")
    eve = Membership.objects.create(team=other, user=User.objects.create_user("eve"))
    assert ApiClient(create_token(eve)).post(track, file)[0] == 201


def test_a_baselines_team_submits_baselines(api_client: ApiClient, track: Track, file: Path) -> None:
    Team.objects.update(baseline=True)
    sent = api_client.post(track, file)[1]
    assert (sent["baseline"], sent["public"]) == (True, True)
    status, answer = api_client.send("PATCH", f"submissions/{sent['id']}", {"public": False})
    refused((status, answer), 409, "public", "baseline")
