"""`manage.py import_release FOLDER`: a release of another site becomes one of this site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DataError, IntegrityError

from benchmark_site.releases.adopt import adopt
from evaluation.release import ReleaseError


class Command(BaseCommand):
    help = (
        "Take a release folder of another site in: its files and hash, its splits for ever, its items as accepted. "
        "A full copy can be scored here. A second run adds nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            release, taken = adopt(options["folder"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages), returncode=2) from error
        except ReleaseError as error:
            raise CommandError(str(error), returncode=2) from error
        except (DataError, IntegrityError) as error:
            raise CommandError(f"the tables take it not: {str(error).splitlines()[0]}", returncode=2) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=2) from error
        added = ", ".join(f"{n} {name}" for name, n in taken.added.items() if n) or "nothing"
        self.stdout.write(f"{release} is frozen here, sha256 {release.sha256}; added {added}")
        for fault in taken.faults:
            self.stdout.write(f"line {fault.line}: {fault.what} {fault.why}")
