"""What a requester brings: a folder of films, or a table that names them. Nothing here opens a film."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from annotation.media.links import file_name, is_link
from annotation.media.subtitle_sources import beside

FILMS = {
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".flv", ".wmv", ".3gp",
    ".ogv", ".vob",
}  # fmt: skip
LONGEST_ID = 64


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
    if place.is_dir():
        return _folder(place)
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows}
    if not place.is_file() or place.suffix.lower() not in readers:
        raise ListError(f"{place}: neither a folder nor a table (.csv, .jsonl)")
    try:
        text = place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListError(f"{place}: not UTF-8: {error.reason} at byte {error.start}") from error
    return [_wanted(place, number, row) for number, row in readers[place.suffix.lower()](place, text)]


def public_id(name: str) -> str:
    """Letters, digits, _ and - of a file's name, at most 64 of them."""
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:LONGEST_ID] or "film"


def _folder(place: Path) -> list[Wanted]:
    # A link to a film that is not there is no reason to be silent about it: taking it in says so.
    named = (path for path in place.rglob("*") if path.suffix.lower() in FILMS)
    films = sorted(path for path in named if path.is_file() or not path.exists())
    if not films:
        raise ListError(f"{place}: no films in it ({', '.join(sorted(FILMS))})")
    stems = [public_id(film.stem) for film in films]
    return [
        Wanted(film, _id_in(place, film) if stems.count(stem) > 1 else stem, subtitles=beside(film))
        for film, stem in zip(films, stems, strict=True)
    ]


def _id_in(place: Path, film: Path) -> str:
    """Of files of one name, that of the path tells which."""
    return public_id(str(film.relative_to(place)))


def _csv_rows(place: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    reader = csv.DictReader(text.splitlines())
    for row in reader:
        if None in row or None in row.values():
            raise ListError(f"{place}, line {reader.line_num}: {len(reader.fieldnames or [])} cells were expected")
        yield reader.line_num, dict(row)


def _jsonl_rows(place: Path, text: str) -> Iterator[tuple[int, dict[str, object]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ListError(f"{place}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ListError(f"{place}, line {number}: an object was expected")
        yield number, row


def _wanted(place: Path, number: int, row: dict[str, object]) -> Wanted:
    unknown = sorted(set(row) - COLUMNS)
    if unknown:
        raise ListError(f"{place}, line {number}: no column {unknown[0]!r}; known: {', '.join(sorted(COLUMNS))}")
    texts = {name: str(value).strip() for name, value in row.items() if value is not None}
    if not texts.get("file"):
        raise ListError(f"{place}, line {number}: no file")
    named = texts.pop("subtitles", "")
    if is_link(texts["file"]):
        link = texts.pop("file")
        return Wanted(Path(file_name(link)), subtitles=place.parent / named if named else None, link=link, **texts)
    file = place.parent / texts.pop("file")
    if not file.is_file():
        raise ListError(f"{place}, line {number}: there is no file {file}")
    subtitles = place.parent / named if named else beside(file)
    return Wanted(file, subtitles=subtitles, **texts)
