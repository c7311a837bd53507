"""`manage.py build_release demo 1.0.0`: check, split, match, write and freeze what has been accepted."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from benchmark_site.releases.build import build_release
from benchmark_site.releases.models import Release
from benchmark_site.releases.services import create_release, reset_release


class Command(BaseCommand):
    help = (
        "Build a release from everything accepted so far, in this process, and freeze it. "
        "A build that was interrupted goes on where it stopped; one that failed starts anew; "
        "a version that is frozen already is left alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="name of the benchmark: small letters, digits and dashes, as in how2r")
        parser.add_argument("version", help="semantic version, as in 1.0.0")
        parser.add_argument("--seed", type=int, default=0, help="draws the matching of negatives (default 0)")

    def handle(self, *args: Any, **options: Any) -> None:
        release = Release.objects.filter(slug=options["slug"], version=options["version"]).first()
        if release is None:
            try:
                release = create_release(options["slug"], options["version"], options["seed"])
            except ValidationError as error:
                raise CommandError("; ".join(error.messages), returncode=2) from error
        elif release.seed != options["seed"]:
            raise CommandError(f"{release} exists with seed {release.seed}: choose another version", returncode=2)
        reset_release(release.pk)
        with Console(stderr=True).status(f"{release}: waiting") as status:
            build_release(release.pk, lambda step: status.update(f"{release}: {step.label}"))
        release.refresh_from_db()
        if release.state == Release.State.BUILDING:
            raise CommandError(f"{release} is being built by another worker just now", returncode=2)
        if release.state == Release.State.FAILED:
            raise CommandError(f"{release} failed: {release.reason}", returncode=2)
        self.stdout.write(f"{release} is frozen: {release.items.count()} items in {release.folder}")
        self.stdout.write(f"sha256 {release.sha256}")
