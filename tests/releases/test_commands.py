"""`manage.py build_release` and `export_release`: what they print, make and refuse."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotation.media.attach import attach
from annotation.media.subtitles import Cue, SubtitleError, Track
from annotation.models import Segment, Subtitle, Video
from benchmark_site.jobs.leases import acquire
from benchmark_site.releases.models import Release
from evaluation.release import Release as Reader
from tests.releases.conftest import ROOT, database_url, small_release

pytestmark = pytest.mark.django_db


def refused(*command: str) -> str:
    with pytest.raises(CommandError) as caught:
        call_command(*command)
    assert caught.value.returncode == 2
    return str(caught.value)


def test_a_release_is_built_and_its_hash_told(corpus, capsys):
    corpus(6, questions=False)
    call_command("build_release", "demo", "1.0.0", "--seed", "3", "--shared")
    release = Release.objects.get()
    assert (release.state, release.seed) == ("frozen", 3)
    assert f"sha256 {release.sha256}" in capsys.readouterr().out


def test_building_a_frozen_version_again_changes_nothing(frozen, capsys):
    call_command("build_release", "demo", "1.0.0", "--shared")
    assert f"sha256 {frozen.sha256}" in capsys.readouterr().out
    assert "seed 0" in refused("build_release", "demo", "1.0.0", "--seed", "1")


def test_a_build_that_another_worker_holds_is_left_alone():
    acquire(Release, small_release("demo", "1.0.0").pk)
    assert "another worker" in refused("build_release", "demo", "1.0.0")


def test_a_refused_build_says_why_and_can_be_repeated(corpus):
    corpus(6, questions=False)
    kept = dict(Segment.objects.values_list("pk", "end"))
    Segment.objects.update(end=30.2)
    assert "every item has a fault" in refused("build_release", "demo", "1.0.0", "--shared")
    for pk, end in kept.items():
        Segment.objects.filter(pk=pk).update(end=end)
    call_command("build_release", "demo", "1.0.0", "--shared")
    assert Release.objects.get().state == "frozen"


def test_malformed_names_are_refused():
    assert "semantic version" in refused("build_release", "demo", "1")
    assert "small letters" in refused("build_release", "De mo", "1.0.0")
    assert not Release.objects.exists()


def test_a_full_copy_scores_and_a_public_copy_holds_no_truth(frozen, tmp_path):
    call_command("export_release", "demo", "1.0.0", str(tmp_path / "full"))
    full = Reader.open(tmp_path / "full")
    full.verify()
    assert full.has_held_out
    call_command("export_release", "demo", "1.0.0", str(tmp_path / "public"), "--public")
    public = Reader.open(tmp_path / "public")
    public.verify()
    assert not public.has_held_out
    assert not (tmp_path / "public" / "held_out").exists()
    assert full.manifest_sha256 == public.manifest_sha256 == frozen.sha256
    assert {path.name for path in tmp_path.iterdir()} >= {"full", "public"}
    assert not list(tmp_path.glob("*.partial"))


def test_a_file_that_rotted_is_noticed_and_nothing_is_left(frozen, tmp_path):
    file = frozen.folder / "subtitles.jsonl"
    file.write_bytes(file.read_bytes().replace(b"number", b"numbre"))
    assert "subtitles.jsonl" in refused("export_release", "demo", "1.0.0", str(tmp_path / "copy"))
    file.unlink()
    assert "No such file" in refused("export_release", "demo", "1.0.0", str(tmp_path / "copy"))
    assert not list(tmp_path.glob("copy*"))


def test_an_export_never_overwrites(frozen, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    assert "expected a folder that is new or empty" in refused(
        "export_release", "demo", "1.0.0", str(tmp_path / "taken")
    )
    (tmp_path / "file").touch()
    assert "exists already" in refused("export_release", "demo", "1.0.0", str(tmp_path / "file"))
    (tmp_path / "empty").mkdir()
    call_command("export_release", "demo", "1.0.0", str(tmp_path / "empty"))
    Reader.open(tmp_path / "empty").verify()


def test_only_a_frozen_release_that_exists_is_exported(frozen, tmp_path):
    small_release("demo", "1.0.1")
    assert "being built" in refused("export_release", "demo", "1.0.1", str(tmp_path / "copy"))
    assert "there are: demo 1.0.1, demo 1.0.0" in refused("export_release", "demo", "3.0.0", str(tmp_path / "copy"))


def test_a_folder_that_cannot_be_written_is_named(frozen, tmp_path: Path):
    (tmp_path / "file").touch()
    assert "Not a directory" in refused("export_release", "demo", "1.0.0", str(tmp_path / "file" / "copy"))


def test_a_mistake_on_the_command_line_ends_with_2_and_no_traceback(tmp_path):
    command = [sys.executable, "manage.py", "export_release", "demo", "1.0.0", str(tmp_path / "copy")]
    environment = {**os.environ, "DATABASE_URL": database_url()}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.strip().endswith("there is no release demo 1.0.0; there are: none")
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "copy").exists()


def test_a_frozen_releases_videos_keep_their_subtitles(frozen):
    """annotation knows no release: its own rule on collected work holds for each video of a frozen one."""
    before = list(Subtitle.objects.values())
    videos = Video.objects.filter(split__release=frozen)
    for video in videos:
        with pytest.raises(SubtitleError, match="stays as it is"):
            attach(video, Track((Cue(0.0, 1.0, "other words"),)), "other.srt")
    assert videos
    assert list(Subtitle.objects.values()) == before
