"""What the outside sees of a scoring whose truth is hidden: little, rounded, and the same for everybody."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from benchmark_site.leaderboard.models import Evaluation, Membership, Reveal, State, Submission, Team, Track
from benchmark_site.leaderboard.scoring.score import score_evaluation
from benchmark_site.leaderboard.teams.tokens import create_token
from evaluation.release import Release as ReleaseFolder
from tests.leaderboard.conftest import ApiClient, small_file

pytestmark = pytest.mark.django_db

PRIMARY, OTHER = "VCMR.R@1.tiou0.7.nms0.5", "VR.R@5"
N = 32  # a shown value is a multiple of 10
EXACT = {"value": 43.75, "low": 26.8125, "high": 61.3125, "blind": 40.625}  # shown: 40, from 20.91 to 61.83; blind 40


@pytest.fixture
def track(tracks: dict[str, Track]) -> Track:
    return tracks["moment/test"]


@pytest.fixture
def submit(track: Track, tmp_path: Path) -> Callable[..., Submission]:
    """`submit("A", 43.75)`: a public submission of a team of one, scored as the evaluator would."""

    def make(team: str, value: float, method: str = "a method") -> Submission:
        user, _ = User.objects.get_or_create(username=f"of {team}")
        membership, _ = Membership.objects.get_or_create(team=Team.objects.get_or_create(name=team)[0], user=user)
        file = small_file(tmp_path, text=f"{team} {value} {method}")
        status, sent = ApiClient(create_token(membership)).post(track, file, method=method, public="true")
        assert status == 201, sent
        submission = Submission.objects.get(pk=sent["id"])
        finish(submission.evaluation, value)
        return submission

    return make


def finish(evaluation: Evaluation, value: float) -> None:
    lines = [
        {"key": key, "n": N, **EXACT, "value": value, "beats_blind": True}
        for key in (PRIMARY, OTHER, "VCMR.median_rank.tiou0.7.nms0.5")
    ]
    for line in lines:
        evaluation.scores.create(**line)
    bounds = {"low": 31.25, "high": 62.5}
    group = {"key": PRIMARY, "by": "type", **bounds}
    evaluation.report = {
        "task": "moment", "split": "test", "n": N, "metrics": lines, "later": 43.75,
        "breakdowns": [{**group, "group": "v", "value": 43.75, "n": 11}, {**group, "group": "t", "value": 99, "n": 1}],
        "curves": [{"task": "VCMR", "nms": None, "by": "k", "x": 1.0, "value": 43.75, **bounds}],
        "notes": [{"code": "wrong_video", "count": 14, "message": "rows of another video"},
                  {"code": "past_end", "count": 3, "message": "spans reach past the end"}],
    }  # fmt: skip
    evaluation.end(State.DONE)


def everything_shown(submission: Submission) -> dict[str, str]:
    """Where it is shown -> what a member of its team is told there; the team sees at least what others see."""
    member = Client()
    member.force_login(submission.created_by)
    api_client = ApiClient(create_token(Membership.objects.get(user=submission.created_by)))
    board, own = submission.track.get_absolute_url(), submission.get_absolute_url()
    pages = [board, board + "board.csv", board + "board.json", own, own + "report.json"]
    told = {path: member.get(path).content.decode() for path in pages}
    told["api"] = json.dumps(api_client.get(f"submissions/{submission.pk}")[1])
    return {place: re.sub(r"\d\d:\d\d:\d\d[.\d]*", "", text) for place, text in told.items()}  # no times of day


def test_a_participant_sees_the_primary_metric_rounded_and_nothing_else(submit: Callable[..., Submission]) -> None:
    submission = submit("A", 43.75)
    exact = ("43.7", "43.8", "26.8", "61.3", "40.6", "31.2", "62.5", "median_rank", "By kind", "another video")
    for place, text in everything_shown(submission).items():
        assert [one for one in exact if one in text] == [], place
        assert OTHER not in text, place
        assert "40" in text, place
    report = Client().get(submission.get_absolute_url() + "report.json").json()
    (line,) = report["metrics"]
    assert line == {
        "key": PRIMARY, "n": N, "value": 40, "low": 20.91, "high": 61.83, "blind": 40, "beats_blind": False,
        "part": "all",
    }  # fmt: skip
    assert (report["breakdowns"], report["curves"]) == ([], [])
    assert [note["code"] for note in report["notes"]] == ["past_end"]


def test_the_submitter_and_staff_see_no_more_than_the_public(submit: Callable[..., Submission]) -> None:
    submission = submit("A", 43.75)
    staff, member = Client(), Client()
    staff.force_login(User.objects.create_superuser("root"))
    member.force_login(submission.created_by)
    for path in ("report.json", ""):
        found = [browser.get(submission.get_absolute_url() + path).content.decode() for browser in (staff, member)]
        assert all("43.75" not in text for text in found)
    inside = staff.get(f"/admin/leaderboard/evaluation/{submission.evaluation.pk}/change/").content.decode()
    assert "43.75" in inside


@pytest.mark.parametrize(
    ("reveal", "metrics", "groups", "curves"),
    [(Reveal.PRIMARY, 1, 0, 0), (Reveal.METRICS, 2, 0, 0), (Reveal.REPORT, 2, 1, 1)],
)
def test_the_organiser_opens_more_and_all_of_it_is_rounded(
    submit: Callable[..., Submission], track: Track, reveal: str, metrics: int, groups: int, curves: int
) -> None:
    submission = submit("A", 43.75)
    Track.objects.filter(pk=track.pk).update(reveal=reveal)
    report = Client().get(submission.get_absolute_url() + "report.json").json()
    assert [len(report[part]) for part in ("metrics", "breakdowns", "curves")] == [metrics, groups, curves]
    for place, text in everything_shown(submission).items():
        assert "43.7" not in text, place
        assert "median_rank" not in text, place  # a rank has no step that would hide it
    for line in [*report["metrics"], *report["curves"]]:
        assert (line["value"], line["low"], line["high"]) == (40, 20.91, 61.83)
    for line in report["breakdowns"]:
        assert (line["n"], line["value"]) == (11, 40)  # of eleven in steps of 20; a group of one is left out


def test_val_shows_everything_as_it_is(api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path) -> None:
    sent = api_client.post(tracks["moment/val"], small_file(tmp_path), public="true")[1]
    submission = Submission.objects.get(pk=sent["id"])
    finish(submission.evaluation, 43.75)
    report = Client().get(submission.get_absolute_url() + "report.json").json()
    assert report == submission.evaluation.report
    assert "43.75" in Client().get(submission.get_absolute_url()).content.decode()


def test_ranks_follow_what_is_shown(submit: Callable[..., Submission], track: Track) -> None:
    """37.5 and 43.75 are both shown as 40: which is larger stays unsaid, also in the choice of a team's best."""
    submit("Early", 37.5)
    submit("Late", 43.75)
    submit("Low", 12.5)
    submit("Twice", 37.5, "first")
    submit("Twice", 43.75, "second")
    rows = Client().get(track.get_absolute_url() + "board.json").json()["rows"]
    assert [(row["rank"], row["team"], row["method"]) for row in rows] == [
        (1, "Early", "a method"), (1, "Late", "a method"), (1, "Twice", "first"), (4, "Low", "a method")
    ]  # fmt: skip
    assert {row["beats_blind"] for row in rows} == {False}  # the bar, 40.625, is shown as 40, too


def test_a_board_led_by_another_metric_shows_it(submit: Callable[..., Submission], track: Track) -> None:
    Track.objects.filter(pk=track.pk).update(primary_metric=OTHER)
    submit("A", 43.75)
    (row,) = Client().get(track.get_absolute_url() + "board.json").json()["rows"]
    assert (row["rank"], row["scores"][OTHER]["value"], len(row["scores"])) == (1, 40, 1)


def test_a_refused_file_does_not_tell_the_videos(
    api_client: ApiClient, track: Track, predictions: Callable[..., Path], tmp_path: Path
) -> None:
    """Whether the rows of SVMR name the right video is the truth; a refusal that said so would cost no try."""
    truth = ReleaseFolder.open(track.release.folder).moments("test")
    lists = json.loads(predictions("moment", "test").read_text())
    guess = int(truth.videos.ids[0])
    lists["SVMR"] = [
        {"desc_id": desc_id, "desc": "", "predictions": [[guess, 0.0, 1.0, 0.5]]} for desc_id in truth.desc_ids.tolist()
    ]
    sent = api_client.post(track, small_file(tmp_path, text=json.dumps(lists)))[1]
    score_evaluation(Evaluation.objects.get().pk)
    read = api_client.get(f"submissions/{sent['id']}")[1]
    assert read["state"] == "failed"
    (problem,) = read["problems"]
    assert "leave SVMR out" in problem["message"]


def test_the_baselines_hold_the_full_copy_and_may_send_svmr(
    api_client: ApiClient, track: Track, release_folder: Path, tmp_path: Path
) -> None:
    from evaluation.cli.main import main

    Team.objects.update(baseline=True)
    out = tmp_path / "random.json"
    main(["baseline", str(release_folder), "--split", "test", "--kind", "random", "--out", str(out)])
    assert "SVMR" in json.loads(out.read_text())
    api_client.post(track, out)
    score_evaluation(Evaluation.objects.get().pk)
    assert Evaluation.objects.get().state == State.DONE
