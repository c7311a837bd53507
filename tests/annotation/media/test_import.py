"""`manage.py import_videos`: what is taken, known and refused."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from annotation.media.import_list import ListError, Wanted, public_id, read_list
from annotation.models import Clip, SubtitleTrack, Video
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
        ("t.jsonl", "[" * 100_000, "line 1: not JSON"),
        ("t.jsonl", '{"file": "twin.mp4", "title": "\\ud800"}', r"line 1: title: '\\ud800' cannot be stored"),
        ("t.jsonl", '{"file": "twin.mp4", "\\ud800": 1}', r"line 1: no column '\\ud800'"),
        ("t.jsonl", '{"file": "twin.mp4", "title": ["a"]}', "line 1: title: a text was expected"),
        ("t.csv", "file,title\ntwin.mp4,a\0b\n", r"line 2: title: '\\x00' cannot be stored"),
        ("t.csv", f"file,title\ntwin.mp4,{'x' * 131_073}\n", "line 2: no row of a table: field larger"),
        ("t.csv", f"file,title\n{'x' * 300}.mp4,\n", "line 2: .*xxx.mp4: File name too long"),
        ("t.csv", 'file,title\ntwin.mp4,"a\nnotes.mp4,b\n', "line 2: no row of a table: unexpected end of data"),
        ("t.csv", 'file,title\ntwin.mp4,"a\nb"\ntwin.mp4\n', "line 4: 2 cells were expected"),
        ("t.csv", "file\nhttp://[::1\n", r"line 2: 'http://\[::1' is no link: Invalid IPv6 URL"),
        ("t.csv", "", "t.csv: no films in it"),
        ("t.csv", "file,title\n\n", "t.csv: no films in it"),
        ("t.jsonl", "\n", "t.jsonl: no films in it"),
        ("t.txt", "", "neither a folder nor a table"),
    ],
)
def test_a_table_that_cannot_be_used_says_where(folder: Path, name: str, text: str, problem: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ListError, match=problem):
        read_list(folder / name)


def test_an_id_is_made_of_any_name() -> None:
    assert public_id("A day: out…") == "A-day-out"
    assert public_id("x" * 64) == "x" * 64


@pytest.mark.parametrize(
    ("one", "other"), [("x" * 64 + "a", "x" * 64 + "b"), ("🎬", "🎥"), ("\udce9", "\udce8"), ("ж" * 80, "ж" * 81)]
)
def test_names_of_which_not_all_is_in_the_id_get_different_ones(one: str, other: str) -> None:
    ids = {public_id(one), public_id(other)}
    assert len(ids) == 2
    assert public_id(one) in ids  # the same one each time
    assert all(re.fullmatch(r"[\w-]{1,64}", told) for told in ids)


def test_files_of_one_folder_have_different_ids(tmp_path: Path) -> None:
    for name in ("a b.mp4", "a-b.mp4", "a-b.mkv", "🎬.mp4", "🎥.mp4", "x" * 70 + "1.mp4", "x" * 70 + "2.mp4"):
        (tmp_path / name).touch()
    assert len({film.public_id for film in read_list(tmp_path)}) == 7


LATIN = os.fsdecode(b"caf\xe9.mp4")


@pytest.mark.django_db
def test_a_name_that_is_no_text_is_told_and_stored_escaped(folder: Path, tmp_path: Path) -> None:
    place, out = tmp_path / "latin", BytesIO()
    terminal = TextIOWrapper(out, "ascii", write_through=True)
    place.mkdir()
    (place / LATIN).write_bytes((folder / "A day out.mp4").read_bytes())
    (place / LATIN.replace(".mp4", ".srt")).write_text(SRT)
    (place / LATIN.replace(".mp4", " 2.mp4")).write_bytes((folder / "more" / "second.mp4").read_bytes())
    (place / LATIN.replace(".mp4", " 2.srt")).write_text("none")
    with pytest.raises(CommandError, match="1 of 2 films"):
        call_command("import_videos", place, queue=True, stdout=terminal)
    told = out.getvalue().decode()
    assert "caf\\udce9.mp4" in told
    assert "caf\\udce9 2.srt: is no subtitle file" in told
    assert Video.objects.get().public_id == "caf"
    assert SubtitleTrack.objects.get().name == "caf\\udce9.srt"


@pytest.mark.django_db
def test_words_that_cannot_be_stored_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="4 of 4 films"):
        call_command("import_videos", folder, source="\udce9", queue=True)
    assert "source: '\\udce9' cannot be stored" in capsys.readouterr().out


@pytest.mark.django_db
def test_what_is_no_file_is_refused_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for gone in folder.glob("*.mp4"):
        gone.unlink()
    (folder / "second.mp4").mkdir()
    os.mkfifo(folder / "pipe.mp4")
    with pytest.raises(CommandError, match="2 of 3 films"):
        call_command("import_videos", folder, queue=True)
    told = capsys.readouterr().out
    assert f"refused  {folder / 'second.mp4'}  second.mp4: not a regular file" in told
    assert "pipe.mp4: not a regular file" in told
    assert Video.objects.get().public_id == "second"


@pytest.mark.parametrize("title", ["One\u2028two", "One\x85two", "One\x0ctwo", "One\ntwo", "One\r\ntwo"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_what_stands_in_a_cell_parts_no_rows(folder: Path, suffix: str, title: str) -> None:
    table = folder / f"t{suffix}"
    csv_row = f'"{title}"' if "\n" in title else title
    text = (
        f"file,title\r\ntwin.mp4,{csv_row}\r\nnotes.mp4,\r\n"
        if suffix == ".csv"
        else json.dumps({"file": "twin.mp4", "title": title}, ensure_ascii=False) + '\r\n{"file": "notes.mp4"}\r\n'
    )
    table.write_bytes(text.encode())
    assert [(film.public_id, film.title) for film in read_list(table)] == [("twin", title), ("notes", "")]


def test_a_place_that_no_disk_can_hold_is_none(tmp_path: Path) -> None:
    with pytest.raises(ListError, match="neither a folder nor a table"):
        read_list(tmp_path / ("x" * 300 + ".csv"))


def test_a_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []
    list_folder = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda place: listed.append(place) or list_folder(place))
    for number in range(5):
        (tmp_path / f"{number}.mp4").touch()
        (tmp_path / f"{number}.en.vtt").touch()
    table = tmp_path / "t.csv"
    table.write_text("file\n" + "".join(f"{number}.mp4\n" for number in range(5)))
    for place in (tmp_path, table):
        listed.clear()
        assert [film.subtitles for film in read_list(place)] == [tmp_path / f"{n}.en.vtt" for n in range(5)]
        assert listed.count(tmp_path) <= 1


@pytest.mark.parametrize(
    ("name", "text"), [("twin.csv", "file,title\ntwin.mp4,x\n"), ("twin.jsonl", '\n{"file": "twin.mp4"}\n')]
)
def test_a_table_of_films_is_no_subtitles_of_the_film_that_is_called_as_it(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert read_list(folder / name) == [Wanted(folder / "twin.mp4", title="x" if "csv" in name else "")]
    assert [film.subtitles for film in read_list(folder) if film.public_id == "twin"] == [None]


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
