"""Dry runs by page and API: the platform's own check, without a score and without a try."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from benchmark_site.leaderboard.models import Membership, Submission, Track
from benchmark_site.leaderboard.scoring.score import rescore, score_evaluation
from tests.leaderboard.conftest import ApiClient, small_file

pytestmark = pytest.mark.django_db(transaction=True)


def run(submission: Submission) -> Submission:
    score_evaluation(submission.evaluation.pk)
    submission.refresh_from_db()
    return submission


def test_a_file_is_checked_without_a_score_or_a_try(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path]
) -> None:
    status, sent = api_client.post(track, predictions(), dry_run="true", public="true")
    assert (status, sent["dry_run"], sent["public"]) == (201, True, False)
    submission = run(Submission.objects.get())
    found = api_client.get(f"submissions/{sent['id']}")[1]
    assert (found["state"], found["scores"], found["problems"]) == ("done", [], [])
    assert submission.counts is False
    quota = next(one for one in api_client.get("tracks")[1] if one["track"] == track.path)["quota"]
    assert quota["used_total"] == 0
    assert Client().get(track.get_absolute_url() + "board.json").json()["rows"] == []
    assert api_client.send("PATCH", f"submissions/{sent['id']}", {"public": True})[0] == 409
    assert api_client.post(track, predictions())[0] == 201  # the file is not taken for a duplicate


def test_what_is_wrong_is_told_with_its_place(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path], tmp_path: Path
) -> None:
    lists = json.loads(predictions().read_text())
    missing = lists["VR"].pop(3)["desc_id"]
    _, sent = api_client.post(track, small_file(tmp_path, text=json.dumps(lists)), dry_run="true")
    run(Submission.objects.get())
    found = api_client.get(f"submissions/{sent['id']}")[1]
    assert found["state"] == "failed"
    (problem,) = found["problems"]
    assert (problem["id"], problem["message"]) == (missing, "no list for this query")


def test_it_needs_no_try_and_a_new_check_gives_it_none(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path], tmp_path: Path
) -> None:
    Track.objects.update(per_day=1, total=1)
    assert api_client.post(track, small_file(tmp_path))[0] == 201
    assert api_client.post(track, small_file(tmp_path, text="[]"))[0] == 429
    assert api_client.post(track, predictions(), dry_run="true")[0] == 201
    checked = run(Submission.objects.get(dry_run=True))
    checked.evaluations.update(evaluator_version="0")
    rescore(checked)
    checked.refresh_from_db()
    assert checked.counts is False


def test_the_page_has_a_button_for_it(
    member: Client, membership: Membership, track: Track, predictions: Callable[..., Path]
) -> None:
    path = track.get_absolute_url() + "submit/"
    assert "Check the file only" in member.get(path).content.decode()
    file = SimpleUploadedFile("p.json", predictions().read_bytes())
    sent = {"team": membership.team.pk, "method": "m", "file": file, "dry_run": ["False", "on"]}
    answer = member.post(path, sent)
    run(Submission.objects.get(dry_run=True))
    page = member.get(answer["Location"]).content.decode()
    assert "The file can be scored." in page
    assert "Show it on the board" not in page
    assert "dry run" in member.get("/submissions/").content.decode()
