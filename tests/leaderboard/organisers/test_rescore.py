"""Everything on a board scored again: by the track's name, old scores kept, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track
from benchmark_site.leaderboard.scoring.score import outdated, rescore_all
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


def test_all_are_scored_again_once_and_old_scores_are_kept(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    organiser = Client()
    organiser.force_login(User.objects.create_user("olga", is_staff=True))
    for n in range(4):
        api_client.post(track, small_file(tmp_path, text=str(n)), method=f"m{n}", public="on")
    old, other, refused, waiting = Submission.objects.order_by("created_at")
    for one in (old, other):
        add_scores(one, {track.primary_metric: 30.0})
    refused.evaluation.end(State.FAILED, "refused")
    Evaluation.objects.filter(submission__in=[old, other]).update(evaluator_version="0.9.0")
    path = f"{track.get_absolute_url()}rescore/"
    assert "2 submissions of this board have" in organiser.get(f"{track.get_absolute_url()}settings/").content.decode()
    organiser.post(path, {"name": "yes"})
    assert Evaluation.objects.count() == 4
    page = organiser.post(path, {"name": track.path}, follow=True).content.decode()
    assert "2 are scored by evaluator" in page
    organiser.post(path, {"name": track.path})
    assert Evaluation.objects.count() == 6
    assert {one.submission for one in Evaluation.objects.order_by("-pk")[:2]} == {old, other}
    assert old.shown_evaluation.evaluator_version == "0.9.0"
    add_scores(old, {track.primary_metric: 31.0})
    assert old.shown_evaluation.evaluator_version != "0.9.0"
    shown = Client().get(old.get_absolute_url()).content.decode()
    assert "Evaluator 0.9.0" in shown
    assert "30.00" in shown
    assert waiting.evaluations.count() == refused.evaluations.count() == 1


def test_what_failed_or_was_cancelled_is_still_to_be_scored(
    api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = api_client.post(track, small_file(tmp_path), public="on")[1]
    submission = Submission.objects.get()
    add_scores(submission, {track.primary_metric: 30.0})
    Evaluation.objects.update(evaluator_version="0.9.0")
    assert rescore_all(track) == 1
    assert outdated(track).count() == 0  # it is under way
    status, answer = api_client.send("POST", f"submissions/{sent['id']}/cancel")
    assert (status, answer["errors"][0]["code"]) == (409, "scored_again")
    assert submission.evaluation.state == State.QUEUED
    for state in (State.FAILED, State.CANCELLED):
        submission.evaluation.end(state, "of the test")
        assert list(outdated(track)) == [submission]
        assert rescore_all(track) == 1
    add_scores(submission, {track.primary_metric: 31.0})
    assert outdated(track).count() == rescore_all(track) == 0
