"""Everything on a board scored again: by the track's name, old scores kept, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track
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
