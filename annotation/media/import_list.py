"""What a requester brings: a folder of films, or a table that names them. Nothing here opens a film."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from annotation.media.links import file_name, is_link
from annotation.media.subtitle_sources import Folders
from annotation.media.texts import unstorable

FILMS = {
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".wmv", ".3gp",
    ".ogv", ".vob",
}  # fmt: skip
LONGEST_ID = 64
_DIGEST = 8  # hexadecimal digits


class ListError(ValueError):
    """The folder or table cannot be used; the message names the place and what was expected."""


@dataclass(frozen=True)
class Wanted:
    """A film to take in. An empty `id` is made of the file's name. One with a `link` has still to be fetched."""

    file: Path
    id: str = ""
    title: str = ""
    source: str = ""
    licence: str = ""
    language: str = ""
    subtitles: Path | None = None
    link: str = ""

    @property
    def public_id(self) -> str:
        return self.id or public_id(self.file.stem)


COLUMNS = {field.name for field in fields(Wanted)} - {"link"}


def read_list(place: Path) -> list[Wanted]:
    """The films of a folder (and of the folders in it), or of a CSV or JSONL table. Raises ListError.

    A table names files relative to its own folder, or by an http(s) or s3 link, in the column `file`; the other columns
    may be left out. Where it names no subtitles, they are looked for beside the film.
    """
    if os.path.isdir(place):
        return _folder(place)
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows}
    if not os.path.isfile(place) or place.suffix.lower() not in readers:
        raise ListError(f"{place}: neither a folder nor a table (.csv, .jsonl)")
    try:
        text = place.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListError(f"{place}: not UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise ListError(f"{place}: {error.strerror or error}") from error
    folders = Folders()
    films = [_wanted(place, number, row, folders) for number, row in readers[place.suffix.lower()](place, text)]
    if not films:
        raise ListError(f"{place}: no films in it, a row for each was expected")
    return films


def public_id(name: str) -> str:
    """Letters, digits, _ and - of a file's name; where that is none of it or more than 64, a part of its hash, too."""
    letters = _letters(name)
    return letters if 0 < len(letters) <= LONGEST_ID else id_with_hash(name)


def id_with_hash(name: str) -> str:
    """An id of at most 64 characters that no other name gets: what can be read of it, and a part of its hash."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{(_letters(name) or 'film')[: LONGEST_ID - _DIGEST - 1]}-{digest}"


def _letters(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-")


def _folder(place: Path) -> list[Wanted]:
    # A link to a film that is not there, or a pipe, is no reason to be silent about it: taking it in says so.
    films = sorted(path for path in place.rglob("*") if path.suffix.lower() in FILMS)
    if not films:
        raise ListError(f"{place}: no films in it ({', '.join(sorted(FILMS))})")
    ids, folders = _ids(place, films), Folders()
    return [Wanted(film, ids.get(film, ""), subtitles=folders.beside(film)) for film in films]


def _ids(place: Path, films: list[Path]) -> dict[Path, str]:
    """Of files of one name, the path tells which; of paths that look alike in an id, their hash."""
    takes_no_id = {film for film in films if os.path.exists(film) and not os.path.isfile(film)}
    ids = {film: public_id(film.stem) for film in films if film not in takes_no_id}
    paths = {film: str(film.relative_to(place)) for film in _of_one_id(ids)}
    ids |= {film: public_id(path) for film, path in paths.items()}
    return ids | {film: id_with_hash(paths[film]) for film in _of_one_id(ids) if film in paths}


def _of_one_id(ids: dict[Path, str]) -> list[Path]:
    count = Counter(ids.values())
    return [film for film, told in ids.items() if count[told] > 1]


def _csv_rows(place: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    names: list[str] = []
    for number, cells in _csv_lines(place, text):
        if not names:
            names = cells
        elif len(cells) != len(names):
            raise ListError(f"{place}, line {number}: {len(names)} cells were expected")
        else:
            yield number, dict(zip(names, cells, strict=True))


def _csv_lines(place: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the line that it begins in, its cells); a line without any is passed over."""
    # A text's own `splitlines` would part rows at separators that stand inside a title.
    reader, number = csv.reader(io.StringIO(text, newline=""), strict=True), 1
    try:
        for cells in reader:
            if cells:
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise ListError(f"{place}, line {number}: no row of a table: {error}") from error


def _jsonl_rows(place: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ListError(f"{place}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ListError(f"{place}, line {number}: an object was expected")
        yield number, row


def _wanted(place: Path, number: int, row: dict[str, object], folders: Folders) -> Wanted:
    unknown = sorted(set(row) - COLUMNS)
    if unknown:
        raise ListError(f"{place}, line {number}: no column {unknown[0]!r}; known: {', '.join(sorted(COLUMNS))}")
    texts = _texts(f"{place}, line {number}", row)
    if not texts.get("file"):
        raise ListError(f"{place}, line {number}: no file")
    told, named = texts.pop("file"), texts.pop("subtitles", "")
    if is_link(told):
        try:
            file = Path(file_name(told))
        except ValueError as error:
            raise ListError(f"{place}, line {number}: {told[:100]!r} is no link: {error}") from error
        return Wanted(file, subtitles=place.parent / named if named else None, link=told, **texts)
    file = place.parent / told
    try:
        if not file.is_file():
            raise ListError(f"{place}, line {number}: there is no file {file}")
        return Wanted(file, subtitles=place.parent / named if named else folders.beside(file), **texts)
    except OSError as error:
        raise ListError(f"{place}, line {number}: {file}: {error.strerror or error}") from error


def _texts(where: str, row: dict[str, object]) -> dict[str, str]:
    """The cells of a row that say something. Raises ListError."""
    texts = {}
    for name, value in row.items():
        if isinstance(value, dict | list):
            raise ListError(f"{where}: {name}: a text was expected")
        if value is not None:
            texts[name] = str(value).strip()
            if fault := unstorable(texts[name]):
                raise ListError(f"{where}: {name}: {fault}")
    return texts
