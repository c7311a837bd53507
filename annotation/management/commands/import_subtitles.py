"""`manage.py import_subtitles SOURCE`: give videos that are known the sentences of subtitle files."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.media.attach import attach, refuse_other_languages
from annotation.media.subtitle_sources import Source, in_folder, in_table, is_source_table
from annotation.media.subtitles import SubtitleError, Track, read_collection, read_subtitles
from annotation.media.texts import escaped, tell, unstorable
from annotation.models import Video

MOST_TOLD = 10  # problems of one file


class Command(BaseCommand):
    help = (
        "Attach subtitle files to videos that are known: a file of one video (import_subtitles VIDEO FILE), a folder "
        "of files named after their videos, a table with the columns video and subtitles, or a set's own file that "
        "names its videos. Sentences that a video had are replaced unless annotators have seen them. Run twice, "
        "nothing is added. Exit status 1 where a file was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="id of a video, a folder, a table (CSV, TSV) or a file of a set")
        parser.add_argument("file", nargs="?", type=_existing, help="where SOURCE is the id of a video: its subtitles")
        parser.add_argument("--encoding", default="", help="of all files, where it is guessed wrongly")
        parser.add_argument("--asr", action="store_true", help="they were made by speech recognition: mark them so")
        parser.add_argument(
            "--english-only",
            action="store_true",
            default=settings.SUBTITLES_ENGLISH_ONLY,
            help="refuse subtitles in other languages, as the paper does (default: SUBTITLES_ENGLISH_ONLY)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sources = list(_sources(options["source"], options["file"]))
        except (SubtitleError, OSError) as error:
            raise CommandError(escaped(str(error)), returncode=2) from error
        counts: Counter[str] = Counter()
        for source in sources:
            counts.update(self._import(source, options))
        told = ", ".join(f"{counts[result]} {result}" for result in ("taken", "replaced", "known", "refused"))
        tell(self.stdout, f"{told}; {counts['left out']} files left out")
        if counts["refused"]:
            raise CommandError(f"{counts['refused']} refused", returncode=1)

    def _import(self, source: Source, options: dict[str, Any]) -> Iterator[str]:
        """What became of each video of a file."""
        if source.left_out:
            tell(self.stdout, f"{source.path.name}: left out: {source.left_out}")
            yield "left out"
            return
        try:
            for name, track in _tracks(source, options["encoding"]):
                yield self._attach(name, source.path.name, _marked(track, options["asr"]), options["english_only"])
        except SubtitleError as error:
            yield self._refused(source.video, error)

    def _attach(self, name: str, file: str, track: Track, english_only: bool) -> str:
        try:
            video = _known(name)
            if video is None:
                raise SubtitleError(f"{file}: no video has this id")
            if english_only:
                refuse_other_languages(track, file)
            done = attach(video, track, file)
        except SubtitleError as error:
            return self._refused(name, error)
        guessed = "" if track.encoding.startswith("utf") else f", read as {track.encoding}"
        tell(self.stdout, f"{name}: {done.result}: {done.sentences} sentences of {file}{guessed}")
        for problem in done.problems[:MOST_TOLD]:
            tell(self.stdout, f"  {problem}")
        if len(done.problems) > MOST_TOLD:
            tell(self.stdout, f"  and {len(done.problems) - MOST_TOLD} more")
        return done.result

    def _refused(self, name: str, error: SubtitleError) -> str:
        tell(self.stderr, f"{name}: refused: {error}")
        return "refused"


def _existing(text: str) -> Path:
    if not Path(text).is_file():
        raise ArgumentTypeError(f"{text}: no such file")
    return Path(text)


def _sources(source: str, file: Path | None) -> list[Source]:
    """Raises SubtitleError."""
    if file is not None:
        return [Source(source, file)]
    path = Path(source)
    if path.is_dir():
        found = in_folder(path)
    elif path.is_file():
        found = in_table(path) if is_source_table(path) else [Source(path.name.partition(".")[0], path, guessed=True)]
    else:
        raise SubtitleError(f"{source}: no such file or folder; for one video: import_subtitles VIDEO FILE")
    if not found:
        raise SubtitleError(f"{source}: no subtitle files in it")
    return found


def _known(name: str) -> Video | None:
    """Raises SubtitleError for a name that no video can have."""
    if fault := unstorable(name):
        raise SubtitleError(f"its name: {fault}")
    return Video.objects.filter(public_id=name).first()


def _tracks(source: Source, encoding: str) -> Iterator[tuple[str, Track]]:
    """(id of a video, its sentences); a file named after no known video may be a set's. Raises SubtitleError."""
    if not source.guessed or _known(source.video):
        yield source.video, read_subtitles(source.path, video=source.video, encoding=encoding)
        return
    for name, track in read_collection(source.path, encoding=encoding):
        yield name or source.video, track


def _marked(track: Track, automatic: bool) -> Track:
    return replace(track, automatic=True) if automatic else track
