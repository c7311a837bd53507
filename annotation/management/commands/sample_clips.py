"""`manage.py sample_clips --n 50`: names of clips to ask about, one a line."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.crowd.launch import askable_clips
from annotation.media import sampling
from annotation.media.speech.spoken import other_than_english, why_other
from annotation.models import Video


class Command(BaseCommand):
    help = (
        "Draw clips of ingested films and write their number and name, tab-separated. The same seed draws the same "
        "clips; a film that is added later changes only who it displaces."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--n", type=int, required=True, help="how many clips")
        parser.add_argument("--seed", type=int, default=0, help="another seed, another draw (default 0)")
        parser.add_argument("--per-video", type=int, metavar="N", help="at most so many of one video")
        parser.add_argument(
            "--diverse",
            action="store_true",
            help="as different from each other as their frame features allow; what shows the same is left out",
        )

        parser.add_argument(
            "--english-only",
            action="store_true",
            default=settings.SUBTITLES_ENGLISH_ONLY,
            help="leave out videos in other languages, as the paper does, and name them (SUBTITLES_ENGLISH_ONLY)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        n, per_video = options["n"], options["per_video"]
        if n < 1 or (per_video is not None and per_video < 1):
            raise CommandError("--n and --per-video are at least 1", returncode=2)
        clips = askable_clips()
        if options["english_only"]:
            for video in Video.objects.filter(other_than_english("pk"), clips__in=clips).distinct():
                self.stderr.write(f"{video.public_id}: left out, not English: {why_other(video)}")
            clips = clips.exclude(other_than_english())
        how = sampling.draw_diverse if options["diverse"] else sampling.draw
        drawn = how(clips, n, options["seed"], per_video)
        for clip in drawn:
            self.stdout.write(f"{clip.pk}\t{clip.name}")
        if len(drawn) < n:
            self.stderr.write(f"{len(drawn)} of {n}: no more clips are ready" + (" or differ" * options["diverse"]))
