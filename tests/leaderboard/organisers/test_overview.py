"""What an organiser sees of a board, says on it, and takes home."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from benchmark_site.jobs import listening
from benchmark_site.jobs.asking import open_store
from benchmark_site.jobs.leases import acquire
from benchmark_site.leaderboard.models import Announcement, Evaluation, State, Submission, Track
from benchmark_site.leaderboard.organisers.export import export_track
from benchmark_site.leaderboard.organisers.insight import insight
from benchmark_site.leaderboard.scoring.score import queue_evaluation
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(api_client: ApiClient, track: Track, tmp_path: Path) -> list[Submission]:
    """Done, refused twice for the same reason, waiting, and a dry run."""
    for n in range(5):
        fields = {"dry_run": "on"} if n == 4 else {}
        assert api_client.post(track, small_file(tmp_path, text=str(n)), method="=cmd()", **fields)[0] == 201
    made = list(Submission.objects.order_by("created_at"))
    add_scores(made[0], {track.primary_metric: 30.0})
    for n, one in enumerate(made[1:3]):
        evaluation = one.evaluation
        evaluation.problems = [{"message": f"query {n}: score {n}.5 is not finite"}]
        evaluation.end(State.FAILED, "refused: see its problems")
    return made


def test_reasons_are_counted_without_what_differs(sent: list[Submission], track: Track) -> None:
    earlier = timezone.now() - timedelta(days=3)
    Submission.objects.filter(pk=sent[1].pk).update(created_at=earlier, began_at=earlier)
    found = insight(track, timezone.now())
    assert dict(found.states) == {"done": 1, "failed": 2, "waiting": 1}
    last = sent[2].created_at.date()
    assert found.reasons == [("query …: score … is not finite", 2, earlier.date(), last)]
    assert [(count, failed) for _, count, failed in found.days] == [(3, 1), (1, 1)]
    assert (found.people, found.teams, found.waiting) == (1, 1, 1)
    assert found.median_s is not None
    assert found.oldest_s is not None


def test_waiting_is_told_from_work_and_counts_from_the_first_attempt(
    organiser: Client, sent: list[Submission], track: Track
) -> None:
    Submission.objects.exclude(pk__in=[sent[0].pk, sent[3].pk]).update(dry_run=True, counts=False, public=False)
    asked = timezone.now() - timedelta(seconds=100)
    waiting = sent[3].evaluation
    Evaluation.objects.filter(pk=waiting.pk).update(asked_at=asked, queued_at=asked)
    assert acquire(Evaluation, waiting.pk)
    waiting.refresh_from_db()
    waiting.requeue("killed", "")
    Evaluation.objects.filter(pk=waiting.pk).update(started_at=asked + timedelta(seconds=30))
    again = acquire(Evaluation, waiting.pk)
    assert again is not None
    done = sent[0].evaluation
    Evaluation.objects.filter(pk=done.pk).update(
        asked_at=asked, queued_at=asked + timedelta(seconds=80), started_at=asked + timedelta(seconds=10),
        finished_at=asked + timedelta(seconds=90),
    )  # fmt: skip
    found = insight(track, asked + timedelta(seconds=100))
    assert (found.median_s, found.slowest_s, found.waited_s, found.oldest_s) == (90, 90, 20, 100)
    page = organiser.get(f"{track.get_absolute_url()}overview/").content.decode()
    assert "median 90.0 s, at most 90.0 s; until a worker began: median 20.0 s" in page


def test_an_empty_board_has_no_times(track: Track) -> None:
    found = insight(track, timezone.now())
    assert (found.states, found.reasons, found.median_s, found.oldest_s) == ([], [], None, None)


def test_everything_comes_in_one_zip(organiser: Client, sent: list[Submission], track: Track) -> None:
    Announcement.objects.create(track=track, text="We begin.")
    Evaluation.objects.filter(submission=sent[0]).update(evaluator_version="0.0.1")
    queue_evaluation(sent[0])
    add_scores(Submission.objects.get(pk=sent[0].pk), {track.primary_metric: 30.0})
    answer: Any = organiser.get(f"{track.get_absolute_url()}everything.zip")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.testzip() is None
    rows = list(csv.DictReader(io.StringIO(archive.read("submissions.csv").decode())))
    assert [row["state"] for row in rows] == ["done", "failed", "failed", "queued", "queued"]
    assert rows[0][track.primary_metric] == "30.0"
    assert rows[0]["method"] == "'=cmd()"
    assert "is not finite" in archive.read("problems.json").decode()
    for row in rows:
        data = archive.read(f"files/{row['submission']}.json")
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
    assert archive.read("missing.txt") == b""
    told = json.loads(archive.read("track.json"))
    assert (told["track"], told["settings"]["primary_metric"]) == (track.path, track.primary_metric)
    assert [(one["text"], one["by"]) for one in told["announcements"]] == [("We begin.", "")]
    assert track.part_secret not in json.dumps(told)
    scorings = list(csv.DictReader(io.StringIO(archive.read("scorings.csv").decode())))
    assert [row["state"] for row in scorings] == ["done", "done", "failed", "failed", "queued", "queued"]
    assert [row["evaluator_version"] for row in scorings[:2]] == ["0.0.1", sent[0].evaluation.evaluator_version]
    assert [row["submission"] for row in scorings[:2]] == [str(sent[0].pk)] * 2


def test_the_zip_is_sent_while_it_is_made(
    api_client: ApiClient, track: Track, tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    big = tmp_path / "big.json"
    big.write_bytes(random.Random(0).randbytes(8 * 2**20))
    for file in (big, *(small_file(tmp_path, f"{n}.json", str(n)) for n in range(3))):
        sent = api_client.post(track, file)[1]
        add_scores(Submission.objects.get(pk=sent["id"]), {track.primary_metric: 30.0, "VR.R@1": 20.0})
    with django_assert_max_num_queries(5):  # submissions, their scorings, their scores, participants, announcements
        pieces = list(export_track(track))
    assert len(pieces) > 8
    assert max(map(len, pieces)) < 2 * 2**20
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
    assert archive.testzip() is None
    assert archive.read(archive.namelist()[0]) == big.read_bytes()


def test_a_file_that_goes_while_the_zip_is_made_is_a_line_of_it(sent: list[Submission], track: Track) -> None:
    pieces = export_track(track)
    first = next(pieces)
    Path(sent[2].file.path).unlink()
    archive = zipfile.ZipFile(io.BytesIO(first + b"".join(pieces)))
    gone = f"files/{sent[2].pk}.json"
    assert archive.read("missing.txt").decode().startswith(f"{gone}: ")
    assert gone not in archive.namelist()
    assert len(list(csv.DictReader(io.StringIO(archive.read("submissions.csv").decode())))) == len(sent)


def test_scores_of_a_hidden_split_leave_as_they_are_shown(
    organiser: Client, api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path
) -> None:
    track = tracks["moment/test"]
    api_client.post(track, small_file(tmp_path))
    add_scores(Submission.objects.get(), {track.primary_metric: 43.75, "VR.R@5": 41.25})
    answer: Any = organiser.get(f"{track.get_absolute_url()}everything.zip")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    text = archive.read("submissions.csv").decode()
    assert "43.75" not in text
    assert "41.25" not in text


def test_all_that_was_announced_can_be_read_the_earlier_folded(organiser: Client, track: Track) -> None:
    for number in range(3):
        track.announcements.create(text=f"word {number}.")
    board = Client().get(track.get_absolute_url()).content.decode()
    assert "Earlier announcements" not in board
    for number in (3, 4):
        track.announcements.create(text=f"word {number}.")
    board = Client().get(track.get_absolute_url()).content.decode()
    shown, _, folded = board.partition("Earlier announcements (2)")
    assert [f"word {number}." in shown for number in range(5)] == [False, False, True, True, True]
    assert [f"word {number}." in folded.partition("</details>")[0] for number in range(5)] == [True, True] + [False] * 3


def test_an_announcement_stands_above_the_board_until_it_is_withdrawn(organiser: Client, track: Track) -> None:
    path = f"{track.get_absolute_url()}overview/"
    assert organiser.post(path, {"text": ""}).status_code == 400
    organiser.post(path, {"text": "The end is moved by a <day>."})
    board = Client().get(track.get_absolute_url()).content.decode()
    assert "The end is moved by a &lt;day&gt;." in board
    organiser.post(f"/announcements/{Announcement.objects.get().pk}/withdraw/")
    assert "The end is moved" not in Client().get(track.get_absolute_url()).content.decode()
    assert Announcement.objects.get().created_by.username == "olga"  # type: ignore[union-attr]


def test_it_is_said_when_nobody_scores(
    organiser: Client, member: Client, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = Submission.objects.get(pk=api_client.post(track, small_file(tmp_path))[1]["id"])

    def told() -> tuple[bool, bool, bool]:
        part = member.get(sent.get_absolute_url(), headers={"HX-Request": "true"})
        pages = (organiser.get(f"{track.get_absolute_url()}overview/"), member.get(sent.get_absolute_url()), part)
        said = [b"Nothing is being scored at present" in page.content for page in pages]
        return said[0], said[1], said[2]

    open_store().delete("listened:score")
    assert told() == (True, True, True)
    listening.say(["score"])
    assert told() == (False, False, False)
    open_store().delete("listened:score")
    add_scores(sent, {track.primary_metric: 30.0})
    assert told() == (True, False, False)  # it waits for nobody any more
