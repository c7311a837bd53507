"""`manage.py sample_clips --n 50`: names of clips to ask about, one a line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.crowd.launch import askable_clips
from annotation.media import sampling


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

    def handle(self, *args: Any, **options: Any) -> None:
        n, per_video = options["n"], options["per_video"]
        if n < 1 or (per_video is not None and per_video < 1):
            raise CommandError("--n and --per-video are at least 1", returncode=2)
        how = sampling.draw_diverse if options["diverse"] else sampling.draw
        drawn = how(askable_clips(), n, options["seed"], per_video)
        for clip in drawn:
            self.stdout.write(f"{clip.pk}\t{clip.name}")
        if len(drawn) < n:
            self.stderr.write(f"{len(drawn)} of {n}: no more clips are ready" + (" or differ" * options["diverse"]))
