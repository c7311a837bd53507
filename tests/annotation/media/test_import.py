"""`manage.py import_videos`: what is taken, known and refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from annotation.media.import_list import ListError, Wanted, public_id, read_list
from annotation.models import Clip, Video
from tests.annotation.media.normal_form.films import Recipe, make_film
from tests.annotation.media.normal_form.test_make import NORMAL

SHORT = Recipe(gop=10, seconds=2.4, options=NORMAL.options)
SRT = "1\n00:00:01,000 --> 00:00:02,000\nA red ball\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two films, one of them with subtitles and in a folder of its own, the first once more, and one that is none."""
    place = tmp_path / "films"
    (place / "more").mkdir(parents=True)
    film = make_film(place / "A day out", SHORT)
    make_film(place / "more" / "second", Recipe(gop=10, seconds=2.6, options=NORMAL.options))
    (place / "more" / "second.en.srt").write_text(SRT)
    (place / "twin.mp4").write_bytes(film.read_bytes())
    (place / "notes.mp4").write_text("not a film")
    (place / "readme.txt").write_text("nor this")
    return place


def test_a_folder_lists_its_films_with_the_subtitles_beside_them(folder: Path) -> None:
    assert [(film.public_id, film.subtitles) for film in read_list(folder)] == [
        ("A-day-out", None),
        ("second", folder / "more" / "second.en.srt"),
        ("notes", None),
        ("twin", None),
    ]


def test_files_of_one_name_are_told_apart_by_their_path(folder: Path) -> None:
    (folder / "second.mkv").write_bytes(b"another")
    assert {film.public_id for film in read_list(folder)} >= {"second-mkv", "more-second-mp4"}


def test_a_link_to_a_film_that_is_gone_is_refused_by_name(
    tmp_path: Path, db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "elsewhere.mp4")
    with pytest.raises(CommandError, match="1 of 1 films were refused"):
        call_command("import_videos", tmp_path)
    assert "No such file" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_table_names_films_and_what_is_known_of_them(folder: Path, suffix: str) -> None:
    row = {
        "file": "A day out.mp4",
        "id": "day",
        "licence": "CC0-1.0",
        "language": "en",
        "subtitles": "more/second.en.srt",
    }
    table = folder / f"table{suffix}"
    if suffix == ".csv":
        with table.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, row)
            writer.writeheader()
            writer.writerow(row)
    else:
        table.write_text(json.dumps(row) + "\n\n")
    srt = folder / "more/second.en.srt"
    film = Wanted(folder / "A day out.mp4", "day", licence="CC0-1.0", language="en", subtitles=srt)
    assert read_list(table) == [film]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("t.csv", "file,colour\nx.mp4,red\n", "line 2: no column 'colour'"),
        ("t.csv", "file,id\ntwin.mp4\n", "line 2: 2 cells were expected"),
        ("t.csv", "file,id\ngone.mp4,x\n", "line 2: there is no file"),
        ("t.jsonl", "{}\n", "line 1: no file"),
        ("t.jsonl", "[1]\n", "line 1: an object was expected"),
        ("t.jsonl", "{\n", "line 1: not JSON"),
        ("t.txt", "", "neither a folder nor a table"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(folder: Path, name: str, text: str, problem: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ListError, match=problem):
        read_list(folder / name)


def test_an_id_is_made_of_any_name() -> None:
    assert public_id("…") == "film"


@pytest.mark.django_db
def test_a_folder_is_imported_and_a_second_run_adds_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for said in ("2 taken, 1 known, 1 refused", "0 taken, 3 known, 1 refused"):
        with pytest.raises(CommandError, match="1 of 4 films were refused") as stopped:
            call_command("import_videos", folder, licence="CC0-1.0")
        assert stopped.value.returncode == 1
        out = capsys.readouterr().out
        assert said in out
        assert f"{folder / 'twin.mp4'}  as “A-day-out”" in out
        assert "cannot be opened as video" in out
    assert set(Video.objects.values_list("public_id", "state", "licence")) == {
        ("A-day-out", "ready", "CC0-1.0"),
        ("second", "ready", "CC0-1.0"),
        ("notes", "failed", "CC0-1.0"),
    }
    assert Clip.objects.get(video__public_id="second").subtitles() == [{"text": "A red ball", "start": 1.0, "end": 2.0}]


@pytest.mark.django_db
def test_a_folder_without_films_is_an_error_of_use(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no films in it") as stopped:
        call_command("import_videos", tmp_path)
    assert stopped.value.returncode == 2


@pytest.mark.django_db
def test_a_bad_row_is_refused_and_the_others_come_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = folder / "table.csv"
    table.write_text("file,language\nA day out.mp4,klingon!\nmore/second.mp4,en\n")
    with pytest.raises(CommandError):
        call_command("import_videos", table)
    out = capsys.readouterr().out
    assert "1 taken, 0 known, 1 refused" in out
    assert "a language tag such as en" in out


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_killed_three_times_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    place = tmp_path / "films"
    place.mkdir()
    for number in range(12):
        make_film(place / f"film-{number:02d}", Recipe(gop=10, seconds=2.4 + number / 10, sound="aac"))
    environment = {**os.environ, "MEDIA_ROOT": str(tmp_path / "media"), "DATABASE_URL": database_url()}
    command = [sys.executable, "manage.py", "import_videos", str(place)]
    for _ in range(3):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(6)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Video.objects.filter(state="ready").count() == Clip.objects.count() == 12
    media = tmp_path / "media"
    assert not list((media / "scratch").iterdir())
    assert len(list((media / "videos").iterdir())) == 12
    assert len(list((media / "clips").iterdir())) == 24


def database_url() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select current_user, current_database()")
        user, name = cursor.fetchone()
    told = connection.settings_dict
    host = told["HOST"] or "localhost"
    port = told["PORT"] or 5432
    return f"postgresql://{user}:{told['PASSWORD']}@{host.replace('/', '%2F')}:{port}/{name}"
