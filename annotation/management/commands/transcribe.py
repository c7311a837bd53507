"""`manage.py transcribe [VIDEO …]`: sentences by speech recognition for videos that have none, and a report of each."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.models import Transcription, Video
from benchmark_site.jobs.leases import available

POLL_S = 1.0


class Command(BaseCommand):
    help = (
        "Write down what is said in videos that have no subtitles, by the faster-whisper model in the folder "
        "ASR_MODEL, beside the workers if they run. Without names every ready video without subtitles is taken that "
        "was not tried; a video that is named is tried again. Killed, it goes on where it was when it is run again. "
        "Exit status 1 where a video got no sentences, 2 where no model is set."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("videos", nargs="*", metavar="VIDEO", help="ids of videos")
        parser.add_argument("--queue", action="store_true", help="leave the work to the workers and do not wait")

    def handle(self, *args: Any, **options: Any) -> None:
        if not (Path(settings.ASR_MODEL) / "model.bin").is_file() or not settings.ASR_MODEL:
            told = f"{settings.ASR_MODEL or 'not set'}; expected the folder of a faster-whisper model (model.bin)"
            raise CommandError(f"ASR_MODEL: {told}", returncode=2)
        asked = self._ask(options["videos"])
        if not options["queue"]:
            self._work(asked)
        self._report(asked)

    def _ask(self, names: list[str]) -> list[int]:
        """Rows that wait, those of an earlier run included. Raises CommandError."""
        from annotation.media.speech.transcribe import ask, without_words

        if not names:
            for video in without_words():
                ask(video)
            return list(Transcription.objects.filter(Transcription.unfinished()).values_list("pk", flat=True))
        videos = {video.public_id: video for video in Video.objects.filter(public_id__in=names)}
        if missing := [name for name in names if name not in videos]:
            raise CommandError(f"no video has the id {missing[0]!r}", returncode=2)
        waiting = Transcription.objects.filter(Transcription.unfinished(), video__in=videos.values())
        has_row = {row.video_id: row for row in waiting}
        return [(has_row.get(video.pk) or ask(video)).pk for video in videos.values()]

    def _work(self, asked: list[int]) -> None:
        """Work on what no worker has, and wait for what one has."""
        from annotation.media.speech.transcribe import transcribe

        while Transcription.objects.filter(Transcription.unfinished(), pk__in=asked).exists():
            free = available(Transcription).filter(pk__in=asked).order_by("pk").values_list("pk", flat=True).first()
            if free is None:
                time.sleep(POLL_S)
            else:
                transcribe(free)

    def _report(self, asked: list[int]) -> None:
        counts: Counter[str] = Counter()
        for row in Transcription.objects.filter(pk__in=asked).select_related("video").order_by("video__public_id"):
            counts[row.state] += 1
            sentences = (
                f"{row.video.subtitles.count()} sentences" if row.state == Transcription.State.DONE else row.error
            )
            self.stdout.write(f"{row.video.public_id}: {row.state}: {sentences}".removesuffix(": "))
        self.stdout.write(", ".join(f"{counts[state]} {state}" for state in Transcription.State.values))
        if counts[Transcription.State.FAILED]:
            raise CommandError(f"{counts[Transcription.State.FAILED]} videos got no sentences", returncode=1)
