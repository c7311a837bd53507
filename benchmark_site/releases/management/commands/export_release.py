"""`manage.py export_release demo 1.0.0 DIR --public`: a verified copy of a frozen release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Sum
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from benchmark_site.releases.files.export import ExportError, export
from benchmark_site.releases.management.frozen import add_release_arguments, find_frozen
from benchmark_site.releases.models import ReleaseFile


class Command(BaseCommand):
    help = "Copy a frozen release to a new folder; every file's SHA-256 is checked on the way."

    def add_arguments(self, parser: CommandParser) -> None:
        add_release_arguments(parser)
        parser.add_argument("folder", type=Path, help="where to put the copy; must be new or empty")
        parser.add_argument(
            "--public", action="store_true", help="leave out held_out/, the truth of the test split (to hand out)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        release = find_frozen(options)
        files = release.files.all()
        if options["public"]:
            files = files.filter(access=ReleaseFile.Access.PUBLIC)
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        try:
            with Progress(*columns) as progress:
                bar = progress.add_task(str(release), total=files.aggregate(n=Sum("bytes"))["n"])
                export(release, options["folder"], public=options["public"], advance=lambda n: progress.advance(bar, n))
        except ExportError as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(f"{release} is copied to {options['folder']}, sha256 {release.sha256}")
