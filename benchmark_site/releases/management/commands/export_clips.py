"""`manage.py export_clips demo 1.0.0 DIR --licence "CC BY 4.0"`: the films of a release as WebDataset shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from benchmark_site.releases.files.clip_shards import LEFT_OUT, write_clip_shards
from benchmark_site.releases.files.export import ExportError
from benchmark_site.releases.management.frozen import add_release_arguments, find_frozen
from evaluation.release import ReleaseError

MIB = 2**20


class Command(BaseCommand):
    help = "Write the films of a frozen release's clips as tar files for WebDataset, where their licence allows it."

    def add_arguments(self, parser: CommandParser) -> None:
        add_release_arguments(parser)
        parser.add_argument("folder", type=Path, help="where to put the shards; must not exist yet")
        parser.add_argument(
            "--licence",
            action="append",
            required=True,
            help="a licence that allows to hand films out, as it stands at the videos; may be given again",
        )
        parser.add_argument("--shard-mib", type=int, default=512, help="size of a tar file, in MiB (default 512)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["shard_mib"] < 1:
            raise CommandError(f"--shard-mib: expected 1 or more, got {options['shard_mib']}", returncode=2)
        release = find_frozen(options)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        try:
            with Progress(*columns) as progress:
                bar = progress.add_task("clips", total=None)
                made = write_clip_shards(
                    release,
                    options["folder"],
                    options["licence"],
                    options["shard_mib"] * MIB,
                    lambda done, total: progress.update(bar, completed=done, total=total),
                )
        except (ExportError, ReleaseError) as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(f"{made.films} clips in {made.files} tar files at {options['folder']}")
        for why, count in sorted(made.left_out.items()):
            self.stdout.write(f"{count} left out, {why} ({LEFT_OUT})")
