"""`manage.py describe_clips NAME`: a set of frame features of every clip, made beside the workers."""

from __future__ import annotations

import time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from annotation.models import FeatureSet
from hero_model.features import DEFAULT_ENCODER

POLL_S = 1.0


class Command(BaseCommand):
    help = (
        "Describe the frames of every clip by an encoder. A set of this name goes on where it was. Exit status 1 where "
        "a clip cannot be described, 2 where the set cannot be made."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the set: names its file in releases")
        parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="a folder of ENCODERS, or a repository's name")
        parser.add_argument("--interval", type=float, default=1.5, metavar="S", help="one frame per S seconds")
        parser.add_argument("--queue", action="store_true", help="leave the work to the workers and do not wait")
        parser.add_argument("--retry", action="store_true", help="try again what could not be described")

    def handle(self, *args: Any, **options: Any) -> None:
        from annotation.media.feature_sets import give_clips, try_again

        feature_set = self._find(options["name"], options["encoder"], options["interval"])
        give_clips(feature_set)
        if options["retry"]:
            try_again(feature_set.pk)
        if not options["queue"]:
            self._describe(feature_set)
            self._report(feature_set)

    def _find(self, name: str, encoder: str, interval_s: float) -> FeatureSet:
        from annotation.media.feature_sets import open_set

        known = FeatureSet.objects.filter(name=name).first()
        if known is None:
            known = FeatureSet(name=name, encoder=encoder, interval_s=interval_s)
            try:
                open_set(known)
            except ValidationError as error:
                told = "; ".join(f"{field}: {' '.join(words)}" for field, words in error.message_dict.items())
                raise CommandError(told, returncode=2) from error
        if (known.encoder, known.interval_s) != (encoder, interval_s):
            other = f"{known.encoder}, a frame each {known.interval_s:g} s"
            raise CommandError(f"the set {name} is there and is another one: {other}", returncode=2)
        return known

    def _describe(self, feature_set: FeatureSet) -> None:
        """Describe what no worker has, and wait for what one has."""
        from annotation.media.describe import describe_next
        from annotation.models import ClipFeatures

        waiting = ClipFeatures.objects.filter(ClipFeatures.unfinished(), feature_set=feature_set)
        total = feature_set.rows.count()
        with Console(stderr=True).status("describing clips") as status:
            while left := waiting.count():
                status.update(f"describing clips: {total - left} of {total}")
                if not describe_next(feature_set.pk):
                    time.sleep(POLL_S)

    def _report(self, feature_set: FeatureSet) -> None:
        from annotation.media.feature_sets import failures

        feature_set.refresh_from_db()
        if feature_set.error:
            raise CommandError(feature_set.error, returncode=2)
        failed = failures(feature_set)
        for row in failed:
            self.stdout.write(f"not described  {row.clip}  {row.error}")
        described = feature_set.rows.exclude(file="").count()
        self.stdout.write(f"{described} described, {len(failed)} not described")
        if failed:
            raise CommandError(f"{len(failed)} clips cannot be described", returncode=1)
