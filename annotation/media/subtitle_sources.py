"""Which subtitle file belongs to which video: by its name, by a table, or by what a set's file says itself."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from annotation.media.subtitles import SubtitleError
from annotation.media.subtitles.encoding import decode_head
from annotation.media.subtitles.forms.tables import is_table
from annotation.media.texts import unstorable

# Of several files of one video the first form is taken: what people typed before what YouTube's player reads.
SUFFIXES = [".vtt", ".srt", ".ass", ".ssa", ".ttml", ".dfxp", ".json3", ".json", ".jsonl", ".csv", ".tsv", ".xml"]
MAX_TABLE_ROWS = 1_000_000
_VIDEO = ("video", "video_id", "public_id", "id")
_FILE = ("subtitles", "file", "path")
_IN_BRACKETS = re.compile(r"\[([\w-]+)\]$")
_HEAD_BYTES = 4096
_OTHER = 2  # rank of a file in another language


@dataclass(frozen=True)
class Source:
    """A file for the video of this id; `left_out` says why it is not to be read.

    `guessed`: the id is only the file's name, so that a file which names its videos itself is believed instead.
    """

    video: str
    path: Path
    left_out: str = ""
    guessed: bool = False


class Folders:
    """Folders with films in them, each of which is listed once, however many films are asked about."""

    def __init__(self) -> None:
        self._named: dict[Path, dict[str, list[Path]]] = {}

    def beside(self, film: Path) -> Path | None:
        """The subtitle file that lies beside a film: name.srt, name.en.vtt …; English and unnamed languages first.

        A table counts if it holds captions: one of films may well be called as one of them. Raises OSError.
        """
        if film.parent not in self._named:
            self._named[film.parent] = _by_film(film.parent)
        ranked = sorted(self._named[film.parent].get(film.stem, []), key=_rank)
        wanted = (path for path in ranked if path != film and _rank(path)[0] < _OTHER)
        return next((path for path in wanted if _may_hold_captions(path)), None)


def beside(film: Path) -> Path | None:
    """`Folders.beside` for one film."""
    return Folders().beside(film)


def in_folder(folder: Path) -> list[Source]:
    """The subtitle files of a folder, at most one a video to be read; the others say why they are left out."""
    by_video: dict[str, list[Path]] = defaultdict(list)
    for path in _files(folder):
        by_video[_video_of(path)].append(path)
    return [source for video in sorted(by_video) for source in _chosen(video, by_video[video])]


def in_table(table: Path) -> list[Source]:
    """Rows `video,subtitles` of a CSV or TSV file; paths are relative to the table. Raises SubtitleError."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(file, table))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SubtitleError(f"{table.name}: no table that is read: {error}") from error


def is_source_table(path: Path) -> bool:
    """Whether a CSV or TSV file names videos and files, and not captions with their times."""
    if path.suffix.lower() not in {".csv", ".tsv"}:
        return False
    with path.open("rb") as file:
        head = file.readline(1000).decode("utf-8", "replace").removeprefix("\ufeff")
    names = {name.strip().strip('"') for name in re.split(r"[,;\t]", head)}
    return bool(names.intersection(_VIDEO) and names.intersection(_FILE)) and "start" not in names


def _rank(path: Path) -> tuple[int, int, str]:
    """English, then a file that names no language, then others; `en` before YouTube's `en-orig`."""
    language = _language(path)
    named = 0 if re.match(r"(en|eng)\b", language) else 1 if not language else _OTHER
    return named, SUFFIXES.index(path.suffix.lower()), language


def _language(path: Path) -> str:
    """What stands between the name and its ending, where it is a language's code."""
    tag = path.stem.rpartition(".")[2] if "." in path.stem else ""
    return tag if re.fullmatch(r"[a-zA-Z]{2,3}(-\w+){0,3}", tag, re.ASCII) else ""


def _by_film(folder: Path) -> dict[str, list[Path]]:
    """The subtitle files of a folder by the name, without its ending, of the film that they would belong to."""
    named: dict[str, list[Path]] = defaultdict(list)
    for path in _files(folder):
        named[path.stem].append(path)
        if language := _language(path):
            named[path.stem.removesuffix(f".{language}")].append(path)
    return named


def _may_hold_captions(path: Path) -> bool:
    """Whether a table is one of captions; of other files their reader says what is wrong with them."""
    if path.suffix.lower() not in {".csv", ".tsv", ".jsonl"}:
        return True
    try:
        with path.open("rb") as file:
            head = decode_head(file.read(_HEAD_BYTES)).lstrip()
    except (OSError, SubtitleError):
        return True
    return not _names_a_film(head) if path.suffix.lower() == ".jsonl" else is_table(head)


def _names_a_film(head: str) -> bool:
    """Whether the first line of JSONL is a row of `import_videos`."""
    try:
        row = json.loads(head.partition("\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "file" in row and not {"text", "sub", "segments", "events"} & set(row)


def _chosen(video: str, paths: list[Path]) -> Iterator[Source]:
    ranked = sorted(paths, key=_rank)
    for place, path in enumerate(ranked):
        if _rank(path)[0] == _OTHER:
            yield Source(video, path, "its name says another language than English")
        elif place:
            yield Source(video, path, f"{ranked[0].name} is read")
        else:
            yield Source(video, path, guessed=True)


def _files(folder: Path) -> list[Path]:
    """Those that may hold subtitles; yt-dlp's notes about a video end in .info.json."""
    named = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and os.path.isfile(path))
    return sorted(path for path in named if not path.name.endswith(".info.json"))


def _video_of(path: Path) -> str:
    """The id in brackets, as yt-dlp writes it at the end of a name, or the name up to its first dot."""
    language = _language(path)
    found = _IN_BRACKETS.search(path.stem.removesuffix(f".{language}") if language else path.stem)
    return found[1] if found else path.name.partition(".")[0]


def _rows(file: Iterable[str], table: Path) -> Iterator[Source]:
    reader = csv.DictReader(file, delimiter="\t" if table.suffix.lower() == ".tsv" else ",")
    video = next((name for name in _VIDEO if name in (reader.fieldnames or [])), "")
    path = next((name for name in _FILE if name in (reader.fieldnames or [])), "")
    if not video or not path:
        raise SubtitleError(f"{table.name}: needs the columns video and subtitles, has {reader.fieldnames}")
    for row in reader:
        if reader.line_num > MAX_TABLE_ROWS:
            raise SubtitleError(f"{table.name}: more than {MAX_TABLE_ROWS} rows")
        if not row[path]:  # a table of films may name none for some
            continue
        for name in (video, path):
            if fault := unstorable(row[name] or ""):
                raise SubtitleError(f"{table.name}: line {reader.line_num}: column {name}: {fault}")
        yield Source(row[video] or "", table.parent / row[path])
