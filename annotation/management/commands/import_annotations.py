"""`manage.py import_annotations FORM FILE`: take other people's annotations in as accepted items."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.imports.runs import take_into
from annotation.models import AnnotationImport
from annotation.models.imports import LONGEST_NAME
from evaluation.forms.export import rows_bytes
from evaluation.forms.records import FormError
from evaluation.forms.table import FORMS
from evaluation.io.atomic import write_atomic
from evaluation.release import ReleaseError


class Command(BaseCommand):
    help = (
        "Take a file of the field's queries or questions in as accepted items, and report every row with a fault. "
        "A second run adds nothing. Exit status 2 where nothing could be read; then nothing is taken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        known = "; ".join(f"{name}: {form.about} (in a release: {form.released})" for name, form in FORMS.items())
        parser.add_argument("form", choices=tuple(FORMS), metavar="FORM", help=known)
        parser.add_argument("path", type=Path, metavar="FILE", help="may be packed with gzip; a folder for a release")
        parser.add_argument("--source", default="", help="where it comes from")
        parser.add_argument("--licence", default="", help="an SPDX identifier, as in CC-BY-4.0")
        parser.add_argument("--video-index", type=Path, help="video2dur_idx.json, where the file says no durations")
        parser.add_argument(
            "--segments-only", action="store_true", help="take only where things happen, for batches that write anew"
        )
        parser.add_argument("--problems", type=Path, metavar="OUT.jsonl", help="write every row with a fault here")

    def handle(self, *args: Any, **options: Any) -> None:
        run = AnnotationImport(
            form=options["form"],
            name=options["path"].resolve().name[:LONGEST_NAME],
            source=options["source"],
            licence=options["licence"],
            segments_only=options["segments_only"],
        )
        try:
            run.clean_fields(exclude=["created_by"])
            take_into(run, options["path"], options["video_index"])
        except ValidationError as error:
            told = "; ".join(f"--{name}: {' '.join(why)}" for name, why in error.message_dict.items())
            raise CommandError(told, returncode=2) from error
        except (FormError, ReleaseError) as error:
            raise CommandError(str(error), returncode=2) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=2) from error
        run.save()
        if options["problems"]:
            write_atomic(options["problems"], [rows_bytes(run.problems)])
        self._report(run)

    def _report(self, run: AnnotationImport) -> None:
        added = ", ".join(f"{n} {name}" for name, n in run.added.items() if n) or "nothing"
        known = ", ".join(f"{n} {name}" for name, n in run.known.items() if n)
        self.stdout.write(f"{run.name}: added {added}" + (f"; here already {known}" if known else ""))
        kinds = Counter((problem["what"], problem["left_out"]) for problem in run.problems)
        for (what, left_out), n in kinds.most_common():
            first = next(row for row in run.problems if (row["what"], row["left_out"]) == (what, left_out))
            word = "left out" if left_out else "noted"
            self.stdout.write(f"{n} {word} for {what}, the first in line {first['line']}: {what} {first['why']}")
