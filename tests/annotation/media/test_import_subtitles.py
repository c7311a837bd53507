"""`manage.py import_subtitles`: which file goes to which video, what is told, and the exit status."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotation.media.subtitle_sources import beside, in_folder
from annotation.models import Clip, Hit, Subtitle, SubtitleTrack, Video
from annotation.models.crowd import Kind
from tests.annotation.media.subtitles.files import srt, youtube

pytestmark = pytest.mark.django_db

SPOKEN = [(1.0, 2.5, "Look at this"), (3.0, 4.0, "It rolls")]
GERMAN = [(float(n), n + 1.0, f"{n} Heute backen wir einen einfachen Kuchen mit zwei Eiern") for n in range(4)]


def run(*arguments: object) -> tuple[int, str]:
    """(exit status, all that is told)."""
    told = StringIO()
    try:
        call_command("import_subtitles", *map(str, arguments), stdout=told, stderr=told)
    except CommandError as error:
        return error.returncode, f"{told.getvalue()}{error}"
    return 0, told.getvalue()


@pytest.fixture(autouse=True)
def _videos() -> None:
    for number, name in enumerate(("first", "second", "dQw4w9-WgXc")):
        Video.objects.create(
            public_id=name,
            state=Video.State.READY,
            sha256=f"{number + 1:064d}",
            duration=30.0,
            fps=25.0,
            file=f"{name}.mp4",
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "subtitles"
    folder.mkdir()
    return folder


def said(name: str) -> list[str]:
    return list(Subtitle.objects.filter(video__public_id=name).values_list("text", flat=True))


def test_one_file_for_one_video(folder: Path) -> None:
    path = folder / "anything.srt"
    path.write_text(srt([*SPOKEN, (9.0, 8.0, "backwards")]))
    status, told = run("first", path)
    assert status == 0
    assert "first: taken: 2 sentences of anything.srt\n  line 10: ends at 8 s, before it begins at 9 s\n" in told
    assert told.endswith("1 taken, 0 replaced, 0 known, 0 refused; 0 files left out\n")
    assert run("first", path)[1].endswith("0 taken, 0 replaced, 1 known, 0 refused; 0 files left out\n")
    path.write_text(srt(SPOKEN[:1]))
    assert "first: replaced: 1 sentences" in run("first", path)[1]


def test_a_folder_of_what_people_download(folder: Path) -> None:
    (folder / "first.en.vtt").write_text(youtube(["hello and welcome", "to the show"]))
    (folder / "first.de.vtt").write_text(srt(GERMAN))
    (folder / "first.en.srt").write_text(srt(SPOKEN))
    (folder / "first.info.json").write_text("{}")
    (folder / "second.srt").write_text("no subtitles")
    (folder / "stranger.srt").write_text(srt(SPOKEN))
    (folder / "Never gonna v1.5 [dQw4w9-WgXc].en.vtt").write_text(youtube(["never gonna give", "you up"]))
    (folder / "film.mp4").write_bytes(b"")
    status, told = run(folder)
    assert status == 1
    assert said("first") == ["hello and welcome", "to the show"]
    assert said("dQw4w9-WgXc") == ["never gonna give", "you up"]
    assert "second: refused: second.srt: is no subtitle file: expected SRT" in told
    assert "stranger: refused: stranger.srt: no video has this id" in told
    assert "first.de.vtt: left out: its name says another language than English" in told
    assert "first.en.srt: left out: first.en.vtt is read" in told
    assert told.endswith("2 taken, 0 replaced, 0 known, 2 refused; 2 files left out\n2 refused")
    before = list(Subtitle.objects.values())
    assert "0 taken, 0 replaced, 2 known, 2 refused" in run(folder)[1]
    assert list(Subtitle.objects.values()) == before


def test_a_table_names_videos_and_files(folder: Path) -> None:
    (folder / "a.srt").write_text(srt(SPOKEN))
    table = folder / "films.csv"
    table.write_text("video,title,subtitles\nfirst,One,a.srt\nsecond,Two,\n")
    assert run(table)[0] == 0
    assert (said("first"), said("second")) == (["Look at this", "It rolls"], [])
    table.write_text("video,subtitles\nsecond,gone.srt\n")
    assert run(table) == (1, "second: refused: gone.srt: No such file or directory\n"
                             "0 taken, 0 replaced, 0 known, 1 refused; 0 files left out\n1 refused")  # fmt: skip


@pytest.mark.parametrize("form", ["tvr", "howto100m"])
def test_a_sets_own_file_names_its_videos(form: str, folder: Path) -> None:
    path = folder / "set.jsonl"
    names = ("first", "second", "stranger")
    if form == "tvr":
        rows = [{"vid_name": name, "sub": [{"text": name, "start": 1, "end": 2}]} for name in names]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps({name: {"start": [1], "end": [2], "text": [name]} for name in names}))
    status, told = run(path)
    assert status == 1
    assert (said("first"), said("second")) == (["first"], ["second"])
    assert "stranger: refused: set.jsonl: no video has this id" in told
    Subtitle.objects.all().delete()
    assert run("second", path)[0] == 0
    assert (said("first"), said("second")) == ([], ["second"])
    status, told = run("ghost", path)
    assert (status, "ghost: refused: set.jsonl: holds subtitles of 3 videos" in told) == (1, True)


def test_howto100ms_table_of_one_video(folder: Path) -> None:
    path = folder / "first.csv"
    path.write_text("start,end,text\n1.0,2.0,hello\n")
    assert run(path)[0] == 0
    assert said("first") == ["hello"]


def test_milliseconds_are_refused_by_name(folder: Path) -> None:
    path = folder / "first.srt"
    path.write_text(srt([(start * 1000, end * 1000, text) for start, end, text in SPOKEN]))
    status, told = run("first", path)
    assert status == 1
    assert "first: refused: line 2: 2 of 2 cues lie outside the film of 30 s, first 1000 to 2500 s; the times" in told
    assert "milliseconds, expected seconds" in told
    assert not said("first")


def test_what_annotators_were_asked_about_stays(folder: Path, clip: Clip, make_hit: Callable[..., Hit]) -> None:
    make_hit(Kind.SEGMENT)
    (folder / "film.srt").write_text(srt(SPOKEN))
    status, told = run(folder)
    assert status == 1
    assert "film: refused: the batch “segment batch” asks about it: what annotators see stays as it is" in told
    assert said("film") == ["Look at the red ball", "Now it rolls away"]


def test_other_languages_where_they_are_not_wanted(folder: Path) -> None:
    (folder / "first.srt").write_text(srt(GERMAN))
    status, told = run(folder, "--english-only")
    assert (status, said("first")) == (1, [])
    assert "first: refused: first.srt: not English: 0% function words, expected 12% or more" in told
    assert run(folder)[0] == 0


def test_marks_and_encodings(folder: Path) -> None:
    (folder / "first.srt").write_bytes(srt([(1, 2, "ő é"), (3, 4, "á")]).encode("cp1250"))
    assert "read as cp1250" in run(folder, "--asr", "--encoding", "cp1250")[1]
    assert SubtitleTrack.objects.get().automatic
    assert said("first") == ["ő é", "á"]


def test_what_is_not_there_ends_with_status_2(folder: Path) -> None:
    assert run(folder) == (2, f"{folder}: no subtitle files in it")
    status, told = run(folder / "gone")
    assert (status, "for one video: import_subtitles VIDEO FILE" in told) == (2, True)
    with pytest.raises(CommandError, match="no such file"):
        call_command("import_subtitles", "first", str(folder / "gone.srt"))


def test_subtitles_beside_a_film(folder: Path) -> None:
    film = folder / "my.film.mp4"
    assert beside(film) is None
    for name in ("my.film.de.srt", "my.srt", "other.srt", "my.film-2.srt", "my.film.part2.x.srt", "my.film.txt"):
        (folder / name).write_text(srt(SPOKEN))
    assert beside(film) is None
    (folder / "my.film.srt").write_text(srt(SPOKEN))
    assert beside(film) == folder / "my.film.srt"
    (folder / "my.film.en-GB.ass").write_text("")
    assert beside(film) == folder / "my.film.en-GB.ass"
    assert [source.video for source in in_folder(folder) if not source.left_out] == ["my", "other"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_beside_a_film_counts_if_it_holds_captions(folder: Path, encoding: str) -> None:
    film, table = folder / "film.mp4", folder / "film.csv"
    table.write_text("start,end,text\n1,2," + "é" * 5000, encoding=encoding)
    assert beside(film) == table
    table.write_text("file,title\nfilm.mp4,é\n", encoding=encoding)
    assert beside(film) is None
    (folder / "film.tsv").write_text("start\tend\ttext\n")
    assert beside(film) == folder / "film.tsv"
    (folder / "film.jsonl").write_text('{"vid_name": "film", "sub": []}\n')
    assert beside(film) == folder / "film.jsonl"


def test_names_that_are_no_text_are_told_and_the_others_go_on(folder: Path) -> None:
    latin, out = os.fsdecode(b"caf\xe9"), BytesIO()
    terminal = TextIOWrapper(out, "ascii", write_through=True)
    (folder / f"{latin}.srt").write_text(srt(SPOKEN))
    (folder / f"{latin} [second].srt").write_text(srt(SPOKEN))
    (folder / "first.json").write_text(json.dumps({"\ud800": [{"start": 1, "end": 2, "text": "hello there"}]}))
    with pytest.raises(CommandError, match="2 refused"):
        call_command("import_subtitles", folder, stdout=terminal, stderr=terminal)
    told = out.getvalue().decode()
    assert "caf\\udce9: refused: its name: '\\udce9' cannot be stored" in told
    assert "second: taken: 2 sentences of caf\\udce9 [second].srt" in told
    assert said("second") == ["Look at this", "It rolls"]


def test_a_pipe_and_a_folder_among_the_files_are_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe.srt")
    (folder / "folder.srt").mkdir()
    table = folder / "films.csv"
    table.write_text("video,subtitles\nfirst,pipe.srt\nsecond,folder.srt\n")
    status, told = run(table)
    assert status == 1
    assert "first: refused: pipe.srt: is no plain file" in told
    assert "second: refused: folder.srt: is no plain file" in told


@pytest.mark.parametrize("column", ["video", "subtitles"])
def test_a_table_with_what_cannot_be_stored_is_refused_by_its_line(column: str, folder: Path) -> None:
    table = folder / "films.csv"
    row = {"video": "first", "subtitles": "a.srt"} | {column: "a\0b"}
    table.write_text(f"video,subtitles\n{','.join(row.values())}\n")
    status, told = run(table)
    assert status == 2
    assert told.startswith(f"films.csv: line 2: column {column}: '\\x00' cannot be stored, text in UTF-8")
