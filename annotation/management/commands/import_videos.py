"""`manage.py import_videos FOLDER`: take films in, have them ingested, and report each."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from annotation.media.import_list import ListError, Wanted, read_list
from annotation.media.links import LinkError, fetched
from annotation.media.texts import escaped, tell
from annotation.models import Video
from benchmark_site.jobs.leases import available

POLL_S = 1.0


@dataclass
class Outcome:
    """What became of one film: taken, known or refused, and why."""

    film: Wanted
    word: str
    video: Video | None = None
    reason: str = ""


class Command(BaseCommand):
    help = (
        "Take in the films of a folder or of a table (CSV or JSONL with the columns file, id, title, source, licence, "
        "language, subtitles), with the subtitles that lie beside them, and ingest them, beside the workers if they "
        "run. A second run adds nothing. Exit status 1 where a film was refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("place", type=Path, metavar="FOLDER|CSV|JSONL")
        parser.add_argument("--source", default="", help="where the films come from, where the table does not say")
        parser.add_argument("--licence", default="", help="their licence, where the table does not say")
        parser.add_argument("--language", default="", help="what is spoken, as a language tag: en, pt-BR")
        parser.add_argument("--queue", action="store_true", help="leave the ingest to the workers and do not wait")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            wanted = read_list(options["place"])
        except ListError as error:
            raise CommandError(escaped(str(error)), returncode=2) from error
        common = {name: options[name] for name in ("source", "licence", "language")}
        with Console(stderr=True).status("taking films in") as status:
            outcomes = []
            for number, film in enumerate(wanted, 1):
                status.update(f"taking films in: {number} of {len(wanted)}")
                outcomes.append(self._take(film, common))
            if not options["queue"]:
                self._ingest(outcomes, status.update)
        self._report(outcomes)

    def _take(self, film: Wanted, common: dict[str, Any]) -> Outcome:
        from annotation.media.subtitles import SubtitleError
        from annotation.media.videos import VideoRefused, take

        try:
            video, new = _fetch_and_take(film, common) if film.link else take(film, **common)
        except (VideoRefused, SubtitleError, LinkError, OSError) as error:
            return Outcome(film, "refused", reason=str(error))
        other = "" if video.public_id == film.public_id else f"as “{video.public_id}”"
        return Outcome(film, "taken" if new else "known", video, other)

    def _ingest(self, outcomes: list[Outcome], tell: Any) -> None:
        """Ingest what no worker has, and wait for what one has."""
        from annotation.media.ingest import ingest

        ours = [outcome.video.pk for outcome in outcomes if outcome.video is not None]
        waiting = Video.objects.filter(Video.unfinished(), pk__in=ours)
        while left := waiting.count():
            tell(f"ingesting: {len(ours) - left} of {len(ours)}")
            free = available(Video).filter(pk__in=ours).order_by("pk").values_list("pk", flat=True).first()
            if free is None:
                time.sleep(POLL_S)
            else:
                ingest(free)

    def _report(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.video is not None:
                outcome.video.refresh_from_db()
                if outcome.video.state == Video.State.FAILED:
                    outcome.word, outcome.reason = "refused", outcome.video.error
            notes = "" if outcome.video is None else outcome.video.notes.replace("\n", "; ")
            words = [
                outcome.word,
                outcome.film.link or str(outcome.film.file),
                outcome.reason,
                f"({notes})" if notes else "",
            ]
            tell(self.stdout, "  ".join(word for word in words if word))
        counts = Counter(outcome.word for outcome in outcomes)
        tell(self.stdout, ", ".join(f"{counts[word]} {word}" for word in ("taken", "known", "refused")))
        if counts["refused"]:
            raise CommandError(f"{counts['refused']} of {len(outcomes)} films were refused", returncode=1)


def _fetch_and_take(film: Wanted, common: dict[str, Any]) -> tuple[Video, bool]:
    """`take` for a film behind a link, whose source is the link where nothing else is said; one that is here stays."""
    from annotation.media.videos import take

    source = film.source or film.link
    here = Video.objects.filter(public_id=film.public_id, source=source).first()
    if here is not None:
        return here, False
    with fetched(film.link) as file:
        return take(replace(film, id=film.public_id, file=file, source=source), ours=True, **common)
