"""Files of submissions are deleted by rules: their team's wish where nothing rests on them, and the board's clock."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.boards.groups import compare_neighbours
from benchmark_site.leaderboard.models import Comparison, Evaluation, State, Submission, Team, Track
from benchmark_site.leaderboard.models.tracks import LONGEST_UPLOAD
from benchmark_site.leaderboard.scoring.score import FileDeletedError, rescore, rescore_all
from benchmark_site.leaderboard.submissions import deletion, submit
from benchmark_site.leaderboard.submissions.visibility import hide
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(api_client: ApiClient, track: Track, tmp_path: Path) -> Submission:
    """A private submission with a score."""
    return scored(api_client, track, tmp_path, "mine")


def scored(api_client: ApiClient, track: Track, folder: Path, method: str, **fields: str) -> Submission:
    answer = api_client.post(track, small_file(folder, text=f'"{method}"'), method=method, **fields)[1]
    submission = Submission.objects.get(pk=answer["id"])
    add_scores(submission, {track.primary_metric: 30.0})
    return submission


def path_of(submission: Submission) -> Path:
    return Path(submission.file.path)


def test_a_team_deletes_a_file_and_its_scores_stay(sent: Submission, api_client: ApiClient, member: Client) -> None:
    path = path_of(sent)
    assert "Delete small.json" in member.get(sent.get_absolute_url()).content.decode()
    page = member.post(f"{sent.get_absolute_url()}file/delete/", follow=True).content.decode()
    assert not path.exists()
    assert "The file is deleted." in page
    assert f"deleted {timezone.now():%Y-%m-%d}" in page
    assert "Delete small.json" not in page
    assert "Show it on the board" not in page
    assert "30.00" in page
    status, read = api_client.get(f"submissions/{sent.pk}")
    assert (status, read["state"], read["sha256"]) == (200, "done", sent.sha256)
    assert read["file_deleted_at"]


def test_by_the_api_and_a_second_time_it_says_the_same(sent: Submission, api_client: ApiClient) -> None:
    path = path_of(sent)
    status, first = api_client.send("DELETE", f"submissions/{sent.pk}/file")
    assert (status, path.exists()) == (200, False)
    assert api_client.send("DELETE", f"submissions/{sent.pk}/file") == (200, first)
    assert Submission.objects.get().file == ""


def test_what_was_sent_still_counts_and_the_same_file_is_not_taken_again(
    sent: Submission, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    deletion.delete_file(sent)
    status, answer = api_client.post(track, small_file(tmp_path, text='"mine"'))
    assert (status, answer["errors"][0]["code"]) == (409, "duplicate")
    quota = next(one for one in api_client.get("tracks")[1] if one["track"] == track.path)["quota"]
    assert quota["used_total"] == 1


def refuse(api_client: ApiClient, submission: Submission, code: str) -> None:
    path = path_of(submission)
    status, answer = api_client.send("DELETE", f"submissions/{submission.pk}/file")
    assert (status, answer["errors"][0]["code"], answer["errors"][0]["field"]) == (409, code, "file")
    assert path.exists()


def test_a_file_on_which_something_rests_is_kept(sent: Submission, api_client: ApiClient) -> None:
    row = Submission.objects.filter(pk=sent.pk)
    row.update(public=True)
    refuse(api_client, sent, "public")
    row.update(public=False)
    again = Evaluation.objects.create(submission=sent, evaluator_version="next", manifest_sha256="0" * 64)
    refuse(api_client, sent, "unfinished")
    again.end(State.CANCELLED)
    hide(row, "copied", User.objects.create_superuser("root"))
    refuse(api_client, sent, "hidden")


def test_a_final_is_kept_until_the_private_part_has_decided(
    api_client: ApiClient, tracks: dict[str, Track], tmp_path: Path
) -> None:
    track = tracks["qa/test"]
    soon = timezone.now() + timedelta(days=1)
    Track.objects.filter(pk=track.pk).update(public_percent=50, closes_at=soon, reveals_at=soon + LONGEST_UPLOAD)
    sent = scored(api_client, track, tmp_path, "chosen")
    Submission.objects.filter(pk=sent.pk).update(final=True)
    refuse(api_client, sent, "final")
    past = timezone.now() - LONGEST_UPLOAD
    Track.objects.filter(pk=track.pk).update(
        opens_at=past - timedelta(days=9), closes_at=past, reveals_at=past + LONGEST_UPLOAD
    )
    assert api_client.send("DELETE", f"submissions/{sent.pk}/file")[0] == 200


def test_baselines_keep_their_files(sent: Submission, api_client: ApiClient) -> None:
    Submission.objects.filter(pk=sent.pk).update(baseline=True, public=True)
    refuse(api_client, sent, "baseline")


def test_without_its_file_nothing_new_is_begun_with_it(
    sent: Submission, api_client: ApiClient, track: Track, tmp_path: Path, member: Client
) -> None:
    other = scored(api_client, track, tmp_path, "other")
    deletion.delete_file(sent)
    Evaluation.objects.update(evaluator_version="0.9.0")
    with pytest.raises(FileDeletedError):
        rescore(Submission.objects.get(pk=sent.pk))
    assert rescore_all(track) == 1
    status, answer = api_client.send("PATCH", f"submissions/{sent.pk}", {"public": True})
    assert (status, answer["errors"][0]["code"]) == (409, "file_deleted")
    page = member.get(f"{track.get_absolute_url()}compare/").content.decode()
    assert f'value="{other.pk}"' in page
    assert f'value="{sent.pk}"' not in page
    staff = Client()
    staff.force_login(User.objects.create_user("olga", is_staff=True))
    assert "0 submissions of this board have" in staff.get(f"{track.get_absolute_url()}settings/").content.decode()


def test_the_worker_compares_none_that_has_no_file(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    rows = [scored(api_client, track, tmp_path, name, public="true") for name in ("one", "two")]
    Submission.objects.filter(pk=rows[1].pk).update(team=Team.objects.create(name="Another"))
    Submission.objects.filter(pk=rows[0].pk).update(file_deleted_at=timezone.now())
    compare_neighbours()
    assert not Comparison.objects.exists()
    Submission.objects.update(file_deleted_at=None)
    compare_neighbours()
    assert Comparison.objects.count() == 1


def test_the_download_of_everything_says_when_a_file_was_deleted(sent: Submission, track: Track) -> None:
    deletion.delete_file(sent)
    staff = Client()
    staff.force_login(User.objects.create_user("olga", is_staff=True))
    answer = staff.get(f"{track.get_absolute_url()}everything.zip")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert not [name for name in archive.namelist() if name.startswith("files/")]
    assert f"{timezone.now():%Y-%m-%dT}" in archive.read("submissions.csv").decode()


def swept(now: datetime) -> int:
    """How many files the sweep deletes."""
    before = Submission.objects.exclude(file="").count()
    deletion.sweep(now)
    return before - Submission.objects.exclude(file="").count()


def test_files_of_a_board_go_when_its_days_are_over(sent: Submission, track: Track) -> None:
    now, path = timezone.now(), path_of(sent)
    Submission.objects.update(public=True)
    end = now + timedelta(days=10)
    Track.objects.filter(pk=track.pk).update(closes_at=end)
    assert swept(end + timedelta(days=4000)) == 0  # nobody has said so
    Track.objects.filter(pk=track.pk).update(files_kept_days=30)
    assert swept(end + timedelta(days=29)) == 0
    assert path.exists()
    assert swept(end + timedelta(days=30, seconds=1)) == 1
    assert not path.exists()
    row = Submission.objects.get()
    assert row.public  # its score stays on the board
    assert str(row.pk) in Client().get(f"{track.get_absolute_url()}board.json").content.decode()


def test_where_a_private_part_decides_the_days_count_from_then_on(sent: Submission, tracks: dict[str, Track]) -> None:
    end = timezone.now() + timedelta(days=1)
    track = tracks["qa/test"]
    Track.objects.filter(pk=track.pk).update(
        closes_at=end, reveals_at=end + timedelta(days=5), public_percent=50, files_kept_days=30
    )
    Submission.objects.update(track=track)
    assert swept(end + timedelta(days=31)) == 0
    assert swept(end + timedelta(days=36)) == 1


def test_a_late_entry_is_kept_for_as_long_from_the_day_on_which_it_came(sent: Submission, track: Track) -> None:
    now = timezone.now()
    end = now - timedelta(days=31)
    Track.objects.filter(pk=track.pk).update(
        opens_at=end - timedelta(days=9), closes_at=end, files_kept_days=30, late_entries=True
    )
    assert swept(now + timedelta(days=29)) == 0
    assert swept(now + timedelta(days=30, minutes=1)) == 1


def test_what_is_hidden_or_being_scored_or_a_baseline_is_never_due(sent: Submission, track: Track) -> None:
    end = timezone.now() + timedelta(days=1)
    Track.objects.filter(pk=track.pk).update(closes_at=end, files_kept_days=30)
    late, row = end + timedelta(days=99), Submission.objects.filter(pk=sent.pk)
    row.update(baseline=True, public=True)
    assert swept(late) == 0
    row.update(baseline=False, public=False)
    again = Evaluation.objects.create(submission=sent, evaluator_version="next", manifest_sha256="0" * 64)
    assert swept(late) == 0
    again.end(State.CANCELLED)
    hide(row, "copied", User.objects.create_superuser("root"))
    assert swept(late) == 0
    row.update(hidden_at=None, hidden_reason="", hidden_by=None)
    assert swept(late) == 1


def test_files_that_are_no_entries_go_after_thirty_days(
    sent: Submission, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    answer = api_client.post(track, small_file(tmp_path, text="[]"), dry_run="true")[1]
    dry = Submission.objects.get(pk=answer["id"])
    add_scores(dry, {})
    now = timezone.now()
    assert swept(now + timedelta(days=29)) == 0
    assert swept(now + timedelta(days=30, minutes=1)) == 1
    assert Submission.objects.exclude(file="").get() == sent


def test_who_keeps_gigabytes_that_are_no_entries_deletes_some_first(
    sent: Submission, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    Submission.objects.update(size=submit.MOST_KEPT_BYTES)
    assert api_client.post(track, small_file(tmp_path, text="1"))[0] == 201  # an entry has cost a try
    sent.evaluation.end(State.FAILED, "refused")
    status, answer = api_client.post(track, small_file(tmp_path, text="2"))
    assert (status, answer["errors"][0]["code"]) == (429, "kept")
    assert api_client.send("DELETE", f"submissions/{sent.pk}/file")[0] == 200
    assert api_client.post(track, small_file(tmp_path, text="2"))[0] == 201


def test_whoever_died_between_the_word_and_the_deed_is_followed_by_the_sweep(sent: Submission) -> None:
    path = path_of(sent)
    Submission.objects.update(file_deleted_at=timezone.now())
    assert path.exists()
    assert swept(timezone.now()) == 1
    assert not path.exists()


def test_the_database_holds_the_rules(sent: Submission, track: Track) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.update(file="")
    with pytest.raises(IntegrityError), transaction.atomic():
        Track.objects.filter(pk=track.pk).update(files_kept_days=30, closes_at=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Track.objects.filter(pk=track.pk).update(files_kept_days=31, closes_at=timezone.now() + timedelta(days=1))
    track.files_kept_days, track.closes_at = 30, None
    with pytest.raises(ValidationError, match="expected when the track closes"):
        track.clean()


def test_strangers_and_other_teams_delete_nothing(sent: Submission) -> None:
    stranger = Client()
    stranger.force_login(User.objects.create_user("eve"))
    assert stranger.post(f"{sent.get_absolute_url()}file/delete/").status_code == 404
    assert path_of(sent).exists()
