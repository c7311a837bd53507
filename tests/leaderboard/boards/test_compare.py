"""Two submissions side by side, and the groups of a board by the paired test."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from annotation.models import Clip, Video
from benchmark_site.leaderboard.boards.board import Wanted, read_board
from benchmark_site.leaderboard.boards.groups import compare_neighbours
from benchmark_site.leaderboard.models import Comparison, Evaluation, Membership, State, Submission, Track
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD
from benchmark_site.leaderboard.scoring.compare import request_comparison, run_comparison
from benchmark_site.leaderboard.scoring.score import score_evaluation
from benchmark_site.leaderboard.submissions.deletion import delete_file
from evaluation.cli.main import main
from evaluation.exchange.rows import window_of
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(api_client: ApiClient, track: Track, predictions: Callable[..., Path]) -> list[Submission]:
    """Two public submissions with their real scores, by a metric on which also blind ones differ."""
    Track.objects.filter(pk=track.pk).update(primary_metric="SVMR.mean_tiou.raw")
    track.refresh_from_db()
    for kind in ("random", "whole_clip"):
        assert api_client.post(track, predictions(kind=kind), method=kind, public="true")[0] == 201
    for evaluation in Evaluation.objects.all():
        score_evaluation(evaluation.pk)
    return list(Submission.objects.order_by("created_at"))


def with_values(api_client: ApiClient, track: Track, folder: Path, *values: float) -> list[Evaluation]:
    """Public submissions whose intervals reach five points to either side."""
    made = []
    for n, value in enumerate(values):
        status, sent = api_client.post(track, small_file(folder, text=f"{track.pk} {n}"), method=f"m{n}", public="true")
        assert status == 201, sent
        submission = Submission.objects.get(pk=sent["id"])
        add_scores(submission, {track.primary_metric: value})
        made.append(submission.evaluation)
    return made


def groups(track: Track) -> list[int]:
    return [row.group for row in read_board(track, Wanted(every=True)).rows]


def test_the_page_has_a_worker_compare_what_the_command_compares(
    member: Client, track: Track, two: list[Submission], predictions: Callable[..., Path], tmp_path: Path
) -> None:
    path, fields = f"{track.get_absolute_url()}compare/", {"a": two[1].pk, "b": two[0].pk}
    assert "Nobody has compared these two yet" in member.get(path, fields).content.decode()
    assert Client().post(path, fields)["Location"].startswith("/login/")
    assert not Comparison.objects.exists()
    member.post(path, fields)
    member.post(path, fields)
    assert "Waiting for a worker" in member.get(path, fields).content.decode()
    row = Comparison.objects.get()
    run_comparison(row.pk)
    row.refresh_from_db()
    out = tmp_path / "out.json"
    files = [str(predictions(kind=kind)) for kind in ("random", "whole_clip")]
    command = ["compare", str(track.release.folder), *files, "--json", str(out), "--wins", track.primary_metric]
    assert main(command) == 0
    assert (row.state, row.report) == (State.DONE, json.loads(out.read_text()))
    page = Client().get(path, fields).content.decode()
    said = "They can be told apart" if row.told_apart else "They cannot be told apart"
    assert said in page
    assert f"is better on {row.report['wins']['a']} quer" in page
    won = [*row.report["wins"]["a_better"], *row.report["wins"]["b_better"]]
    assert won
    assert all(one["text"] in page for one in won)
    assert all(f"/items/moment/{one['id']}/" in page for one in won)
    film = window_of(won[0]["video"])
    video = Video.objects.create(public_id=film.video, licence="CC0-1.0", duration=film.end, state=Video.State.READY)
    clip = Clip.objects.create(video=video, start=film.start, end=film.end)
    Clip.objects.filter(pk=clip.pk).update(file="clips/one.mp4")
    assert "/media/clip/" not in page
    assert "/media/clip/" in Client().get(path, fields).content.decode()
    Video.objects.update(licence="")
    assert "/media/clip/" not in Client().get(path, fields).content.decode()  # of unknown licence: not for strangers


def test_what_cannot_be_compared_is_not(
    member: Client, tracks: dict[str, Track], two: list[Submission], api_client: ApiClient, tmp_path: Path
) -> None:
    track = tracks["moment/val"]
    path = f"{track.get_absolute_url()}compare/"
    Submission.objects.filter(pk=two[1].pk).update(public=False)
    fields = {"a": two[0].pk, "b": two[1].pk}
    assert "Nobody has compared" not in Client().get(path, fields).content.decode()  # a stranger does not see b
    assert "one and the same" in member.get(path, {"a": two[0].pk, "b": two[0].pk}).content.decode()
    assert "Nobody has compared" not in member.get(path, {"a": two[0].pk, "b": "x"}).content.decode()
    assert member.get(f"{tracks['moment/test'].get_absolute_url()}compare/", fields).status_code == 404


def test_a_release_that_is_gone_ends_the_comparison(two: list[Submission], track: Track) -> None:
    row = request_comparison(*(one.evaluation for one in two))
    (track.release.folder / "MANIFEST.json").unlink()
    run_comparison(row.pk)
    row.refresh_from_db()
    assert row.state == State.FAILED
    assert "the comparison failed" in row.error


def test_one_that_failed_is_made_again_when_a_person_asks(
    member: Client, membership: Membership, track: Track, two: list[Submission]
) -> None:
    row = request_comparison(*(one.evaluation for one in two))
    row.attempt = 3
    row.end(State.FAILED, "the comparison failed: the evaluator was killed (SIGKILL)", "its log")
    path, fields = f"{track.get_absolute_url()}compare/", {"a": two[0].pk, "b": two[1].pk}
    page = member.get(path, fields).content.decode()
    assert "was killed (SIGKILL)" in page
    assert "Compare again" in page
    assert request_comparison(*(one.evaluation for one in two)).state == State.FAILED  # the platform asks once
    for _ in range(2):
        member.post(path, fields)
    row.refresh_from_db()
    assert (row.state, row.asked_by, row.attempt, row.error, row.finished_at) == (
        State.QUEUED, membership.user, 0, "", None,
    )  # fmt: skip
    run_comparison(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempt) == (State.DONE, 1)


def test_a_file_that_was_deleted_meanwhile_ends_the_comparison(two: list[Submission]) -> None:
    row = request_comparison(*(one.evaluation for one in two))
    Submission.objects.update(public=False)
    delete_file(Submission.objects.get(pk=two[0].pk))
    run_comparison(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error) == (
        State.FAILED,
        "the file of one of the two is deleted: there is nothing to compare",
    )


def test_a_person_has_few_comparisons_under_way(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    made = with_values(api_client, track, tmp_path, *(40.0 + n for n in range(5)))
    stranger, path = Client(), f"{track.get_absolute_url()}compare/"
    stranger.force_login(User.objects.create_user("nobody"))

    def ask(a: int, b: int) -> str:
        fields = {"a": made[a].submission_id, "b": made[b].submission_id}
        return stranger.post(path, fields, follow=True).content.decode()

    for b in (1, 2, 3):
        assert "comparisons of yours" not in ask(0, b)
    assert "3 comparisons of yours are under way: wait for one" in ask(0, 4)
    assert "comparisons of yours" not in ask(1, 0)  # which is there
    assert Comparison.objects.count() == 3
    request_comparison(made[0], made[4])  # the platform's own
    first = Comparison.objects.earliest("pk")
    first.end(State.FAILED, "of the test")
    assert "comparisons of yours" not in ask(3, 4)
    assert Comparison.objects.count() == 5
    assert "comparisons of yours" in ask(0, 1)  # once more would be a third


def test_the_paired_test_makes_groups_where_intervals_overlap(
    api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    made = with_values(api_client, track, tmp_path, 50.0, 48.0, 46.0, 20.0)
    assert groups(track) == [1, 1, 1, 2]
    row = request_comparison(made[2], made[0])
    assert groups(track) == [1, 1, 1, 2]  # nothing is said before the test has been made
    Comparison.objects.filter(pk=row.pk).update(state=State.DONE, p=0.01, finished_at=timezone.now())
    assert groups(track) == [1, 1, 2, 3]
    Comparison.objects.filter(pk=row.pk).update(p=0.06)
    assert groups(track) == [1, 1, 1, 2]


def test_the_sweeper_asks_for_the_tests_that_groups_need_and_for_no_other(
    api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    made = [one.pk for one in with_values(api_client, track, tmp_path, 50.0, 48.0, 46.0, 20.0)]
    compare_neighbours()
    assert not Comparison.objects.exists()  # of one team its best stands alone on the board
    Submission.objects.update(baseline=True)  # now all of them stand there
    for pairs in ([(made[0], made[1])], [(made[0], made[1]), (made[0], made[2])]):
        for _ in range(2):
            compare_neighbours()
            assert list(Comparison.objects.order_by("pk").values_list("first", "second")) == pairs
        Comparison.objects.latest("pk").end(State.FAILED, "of the test")
    compare_neighbours()
    assert Comparison.objects.count() == 2


def test_of_each_board_one_test_for_groups_waits_whatever_people_ask_for(
    api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path
) -> None:
    boards = [tracks["moment/val"], tracks["qa/val"]]
    made = [with_values(api_client, track, tmp_path, 50.0, 48.0, 46.0) for track in boards]
    Submission.objects.update(baseline=True)
    request_comparison(made[0][0], made[0][1], User.objects.create_user("curious"))
    for _ in range(2):
        compare_neighbours()
    own = Comparison.objects.filter(asked_by=None)
    assert set(own.values_list("first", "second")) == {(made[0][0].pk, made[0][2].pk), (made[1][0].pk, made[1][1].pk)}


def test_a_hidden_split_has_groups_by_the_test_after_its_end(
    api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path
) -> None:
    track = tracks["moment/test"]
    with_values(api_client, track, tmp_path, 50.0, 49.0)
    Submission.objects.update(baseline=True)
    compare_neighbours()
    assert not Comparison.objects.exists()
    now = timezone.now()
    Track.objects.update(opens_at=now - timedelta(days=1), closes_at=now - timedelta(hours=5))
    compare_neighbours()
    assert not Comparison.objects.exists()  # an upload that began in time may still be on its way
    Track.objects.filter(pk=track.pk).update(closes_at=now - LONGEST_UPLOAD, late_entries=True)
    compare_neighbours()
    assert not Comparison.objects.exists()  # whoever sends late would try by it
    Track.objects.filter(pk=track.pk).update(late_entries=False)
    compare_neighbours()
    row = Comparison.objects.get()
    Comparison.objects.update(state=State.DONE, p=0.01, finished_at=timezone.now(), report=None)
    track.refresh_from_db()
    assert groups(track) == [1, 2]
    assert "0.01" not in Client().get(track.get_absolute_url()).content.decode()
    Track.objects.filter(pk=track.pk).update(closes_at=timezone.now() + timedelta(days=1))  # it goes on
    track.refresh_from_db()
    assert groups(track) == [1, 1]
    assert row.pk


def test_a_hidden_comparison_keeps_no_report(
    api_client: ApiClient, tracks: dict[str, Track], predictions: Callable[..., Path]
) -> None:
    track = tracks["qa/test"]
    for kind in ("random", "longest"):
        api_client.post(track, predictions("qa", "test", kind), method=kind, public="true")
    row = request_comparison(*Evaluation.objects.all())
    run_comparison(row.pk)
    row.refresh_from_db()
    assert (row.state, row.report) == (State.DONE, None)
    assert row.p is not None


def test_a_pair_has_one_order(two: list[Submission]) -> None:
    a, b = (one.evaluation for one in two)
    assert request_comparison(a, b) == request_comparison(b, a)
    assert connection.in_atomic_block
